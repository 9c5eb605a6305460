// The running xcore as a tarball: until it is published, a project depends on the very package it was made with.
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { create } from "tar";
import { XcoreError } from "../base/error.ts";
import { packageFile, packageRoot } from "../base/package-root.ts";

export interface PackageManifest {
  version: string;
  files: readonly string[];
  dependencies: Readonly<Record<string, string>>;
  devDependencies: Readonly<Record<string, string>>;
  optionalDependencies: Readonly<Record<string, string>>;
  /** What npm installs with it, and leaves out where it is told to omit peers. */
  peerDependencies: Readonly<Record<string, string>>;
  /** Which dependencies may run scripts when they are installed (npm 12 asks the project for that). */
  allowScripts: Readonly<Record<string, boolean>>;
}

export async function readPackageManifest(): Promise<PackageManifest> {
  return JSON.parse(await readFile(packageFile("package.json"), "utf8")) as PackageManifest;
}

/** Packs xcore to `file`, byte for byte the same for the same content. `PART_MISSING` when it is not built. */
export async function packXcore(file: string, manifest: PackageManifest): Promise<void> {
  if (!existsSync(packageFile("dist", "index.js"))) {
    throw new XcoreError("PART_MISSING", `xcore in ${packageRoot} is not built`, {
      hint: `Run npm run build in ${packageRoot}.`,
    });
  }
  await create(
    {
      file,
      cwd: packageRoot,
      gzip: { level: 6 },
      portable: true,
      mtime: new Date("1985-10-26T08:15:00.000Z"),
      prefix: "package",
      noDirRecurse: true,
    },
    await packedFiles(manifest),
  );
}

/** What npm pack would take: package.json, the README and licence, and all below `files`; sorted. */
async function packedFiles(manifest: PackageManifest): Promise<string[]> {
  const always = (await readdir(packageRoot)).filter((name) =>
    /^(package\.json|readme.*|licen[cs]e.*)$/i.test(name),
  );
  const listed = await Promise.all(manifest.files.map((path) => filesBelow(path)));
  return [...new Set([...always, ...listed.flat()])].sort();
}

async function filesBelow(path: string): Promise<string[]> {
  const full = packageFile(path);
  if (!existsSync(full)) return [];
  const entries = await readdir(full, { withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [path];
  const inner = await Promise.all(
    entries
      .filter((entry) => entry.name !== "node_modules" && (entry.isFile() || entry.isDirectory()))
      .map((entry) => filesBelow(join(path, entry.name))),
  );
  return inner.flat();
}
