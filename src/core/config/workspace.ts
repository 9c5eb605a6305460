// Where a project is: the nearest folder upward that holds integration.yaml.
import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { XcoreError } from "../base/error.ts";

export const integrationFile = "integration.yaml";

/** The nearest folder at or above `from` with an integration.yaml; throws `WORKSPACE_NOT_FOUND`. */
export async function findWorkspace(from: string = process.cwd()): Promise<string> {
  for (let folder = resolve(from); ; folder = dirname(folder)) {
    if (await exists(join(folder, integrationFile))) return folder;
    if (folder === dirname(folder)) break;
  }
  const misspelt = (await exists(join(from, "integration.yml")))
    ? "Rename integration.yml to integration.yaml, or "
    : "";
  throw new XcoreError(
    "WORKSPACE_NOT_FOUND",
    `there is no ${integrationFile} in ${resolve(from)} or in a folder above it`,
    {
      hint: `${misspelt === "" ? "G" : `${misspelt}g`}o to your project's folder, or make a project with xcore new <folder>.`,
      details: { folder: resolve(from) },
    },
  );
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
