// Every command by its id, loaded when it is called. A new command is a file in this folder and a line here.
import type { CommandTable } from "../cli/manifest.ts";

export const commands: CommandTable = {
  doctor: () => import("./doctor.ts"),
  new: () => import("./new.ts"),
  "plugin:new": () => import("./plugin/new.ts"),
  serve: () => import("./serve.ts"),
  status: () => import("./status.ts"),
  stop: () => import("./stop.ts"),
};
