// Where this package lies on disk, whether it runs from src/ or bundled in dist/.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that holds the package.json of xcore itself, absolute. */
export const packageRoot: string = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

/** A file of the built package: `dist/guest.js`, `templates/app`. Absolute. */
export function packageFile(...parts: string[]): string {
  return join(packageRoot, ...parts);
}

/** The version in package.json of xcore itself. */
export function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as { version: string };
  return manifest.version;
}

function findPackageRoot(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) throw new Error(`no package.json at or above ${start}`);
  }
}
