// The lock files are what `npm ci` accepts on a fresh machine, and name no registry of their own.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";

interface LockFile {
  packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
}

for (const file of ["package-lock.json", "bench/peers/installed/package-lock.json"])
  describe(file, () => {
    it("knows the binaries of every platform: npm ci refuses a lock that lacks one, wherever it runs", async () => {
      const { packages } = await readLock(file);
      const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
        Object.keys(optionalDependencies).filter(
          (name) => !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages),
        ),
      );
      assert.deepEqual(missing, []);
    });

    it("leaves the choice of the registry to who installs", async () => {
      const { packages } = await readLock(file);
      assert.deepEqual(
        Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined),
        [],
      );
    });
  });

async function readLock(file: string): Promise<LockFile> {
  return JSON.parse(await readFile(packageFile(...file.split("/")), "utf8")) as LockFile;
}
