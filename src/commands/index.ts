// Every command by its id, loaded when it is called. A new command is a file in this folder and a line here.
import type { CommandTable } from "../cli/manifest.ts";

export const commands: CommandTable = {
  doctor: () => import("./doctor.ts"),
  "job:list": () => import("./job/list.ts"),
  "job:run": () => import("./job/run.ts"),
  migrate: () => import("./migrate/up.ts"),
  "migrate:create": () => import("./migrate/create.ts"),
  "migrate:down": () => import("./migrate/down.ts"),
  "migrate:status": () => import("./migrate/status.ts"),
  "migrate:up": () => import("./migrate/up.ts"),
  new: () => import("./new.ts"),
  "plugin:add": () => import("./plugin/add.ts"),
  "plugin:approve": () => import("./plugin/approve.ts"),
  "plugin:call": () => import("./plugin/call.ts"),
  "plugin:info": () => import("./plugin/info.ts"),
  "plugin:list": () => import("./plugin/list.ts"),
  "plugin:new": () => import("./plugin/new.ts"),
  "plugin:reload": () => import("./plugin/reload.ts"),
  "plugin:rm": () => import("./plugin/rm.ts"),
  "plugin:sync": () => import("./plugin/sync.ts"),
  serve: () => import("./serve.ts"),
  status: () => import("./status.ts"),
  stop: () => import("./stop.ts"),
};
