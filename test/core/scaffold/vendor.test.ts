import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { list } from "tar";
import { packXcore, readPackageManifest } from "../../../src/core/scaffold/vendor.ts";
import { makeProject } from "../config/project.ts";

test("xcore packs itself, the same bytes for the same content, with all it takes and nothing installed", async () => {
  await using project = await makeProject();
  const manifest = await readPackageManifest();
  const [first, second] = [join(project.folder, "1.tgz"), join(project.folder, "2.tgz")];
  await packXcore(first, manifest);
  await packXcore(second, manifest);
  assert.deepEqual(await readFile(first), await readFile(second));
  const paths: string[] = [];
  await list({ file: first, onReadEntry: (entry) => paths.push(entry.path) });
  for (const path of [
    "package.json",
    "bin/run.js",
    "dist/index.js",
    "dist/guest.js",
    "schemas/plugin.schema.json",
    "templates/app/_gitignore",
  ]) {
    assert.ok(paths.includes(`package/${path}`), path);
  }
  assert.ok(paths.every((path) => path.startsWith("package/") && !path.includes("node_modules")));
});
