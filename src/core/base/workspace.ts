// Which project this is about: the nearest folder at or above the current one that holds integration.yaml.
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { XcoreError } from "./error.ts";

export const integrationFile = "integration.yaml";

/** The project's folder, absolute. Throws `WORKSPACE_NOT_FOUND` when neither `from` nor a folder above it is one. */
export function findWorkspace(from: string = process.cwd()): string {
  const start = resolve(from);
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, integrationFile))) return folder;
    if (folder === dirname(folder)) break;
  }
  const misspelt = existsSync(join(start, "integration.yml"));
  throw new XcoreError(
    "WORKSPACE_NOT_FOUND",
    `there is no ${integrationFile} in ${start} or in a folder above it`,
    {
      hint: misspelt
        ? `Rename integration.yml to ${integrationFile}.`
        : "Go to your project's folder, or make a project with: xcore new my-app",
      details: { folder: start },
    },
  );
}

/** `.xcore/` in the project: sockets, embedded data, installed plugins. */
export function stateFolderOf(workspace: string): string {
  return join(workspace, ".xcore");
}
