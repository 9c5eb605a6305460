// The command line, put together: its commands, and the manifest that describes them.
import { existsSync, readFileSync } from "node:fs";
import { createManifest, type Manifest } from "./cli/manifest.ts";
import { runCommandLine } from "./cli/run.ts";
import { commands } from "./commands/index.ts";
import { packageFile, packageVersion } from "./core/base/package-root.ts";

export { commands, createManifest };

/** Runs one command line; ends the process' work, not the process. */
export async function main(argv: readonly string[], options: { development: boolean }): Promise<void> {
  const manifest = options.development ? await createManifest(commands, packageVersion()) : builtManifest();
  await runCommandLine({ argv, commands, manifest });
}

function builtManifest(): Manifest {
  const file = packageFile("dist", "oclif.manifest.json");
  if (!existsSync(file)) throw new Error(`${file} is missing: run 'npm run build'`);
  return JSON.parse(readFileSync(file, "utf8")) as Manifest;
}
