// Every command by its id, loaded when it is called. A new command is a file in this folder and a line here.
import type { CommandTable } from "../cli/manifest.ts";

export const commands: CommandTable = {
  serve: () => import("./serve.ts"),
  status: () => import("./status.ts"),
  stop: () => import("./stop.ts"),
};
