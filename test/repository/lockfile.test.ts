// package-lock.json is what `npm ci` accepts on a fresh machine, and names no registry of its own.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";

interface LockFile {
  packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }>;
}

describe("package-lock.json", () => {
  it("knows the binaries of every platform: npm ci refuses a lock that lacks one, wherever it runs", async () => {
    const { packages } = await readLock();
    const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter(
        (name) => !(`node_modules/${name}` in packages || `${path}/node_modules/${name}` in packages),
      ),
    );
    assert.deepEqual(missing, []);
  });

  it("leaves the choice of the registry to who installs", async () => {
    const { packages } = await readLock();
    assert.deepEqual(
      Object.keys(packages).filter((path) => packages[path]?.resolved !== undefined),
      [],
    );
  });
});

async function readLock(): Promise<LockFile> {
  return JSON.parse(await readFile(packageFile("package-lock.json"), "utf8")) as LockFile;
}
