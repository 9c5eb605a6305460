// Which project a command is about: the nearest folder at or above the current one that holds integration.yaml.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { XcoreError } from "./error.ts";

export const configFileName = "integration.yaml";
export const stateFolderName = ".xcore";

/** The project's folder, absolute. Throws `WORKSPACE_NOT_FOUND` when neither `from` nor a folder above it is one. */
export function findWorkspace(from: string): string {
  const start = resolve(from);
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, configFileName))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw new XcoreError(
    "WORKSPACE_NOT_FOUND",
    `no ${configFileName} in ${start} or in any folder above it: this is not an xcore project`,
    { hint: "Change into your project's folder, or make one with: xcore new my-app" },
  );
}

/** `.xcore/` in the project: sockets, embedded data, installed plugins. */
export function stateFolderOf(workspace: string): string {
  return join(workspace, stateFolderName);
}
