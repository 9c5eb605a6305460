import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { packageFile } from "../../../src/core/base/package-root.ts";
import { readConfig } from "../../../src/core/config/read.ts";
import { pluginTypes } from "../../../src/core/plugins/plugin-types.ts";
import { readManifest } from "../../../src/core/plugins/read-manifest.ts";
import { readTemplate } from "../../../src/core/scaffold/template.ts";
import { makeProject } from "../config/project.ts";

test("names are put into every path and text, and nothing of the repository's own comes along", async () => {
  const files = new Map([
    ...(await readTemplate("app", { app: "shop", plugin: "orders" })),
    ...(await readTemplate("plugin", { plugin: "orders" })),
  ]);
  for (const [path, text] of files) {
    assert.doesNotMatch(path, /my-app|my-plugin|\/_|^_/);
    assert.doesNotMatch(String(text), /my-app|my-plugin|\.\.\/\.\.\/src/, path);
  }
  for (const path of [
    ".gitignore",
    "package.json",
    "tsconfig.json",
    "test/orders.test.ts",
    ".github/workflows/ci.yml",
  ]) {
    assert.ok(files.has(path), path);
  }
  assert.ok(!files.has("plugin-env.d.ts"));
});

test("the templates' integration.yaml is valid as it stands, and with everything set", async () => {
  await using project = await makeProject({
    "integration.yaml": await readFile(packageFile("templates/app/integration.yaml"), "utf8"),
  });
  const plain = await readConfig({ workspace: project.folder, env: {} });
  assert.deepEqual(plain.services["database"], { driver: "embedded", module: undefined, options: {} });
  const env = {
    DATABASE_DRIVER: "postgres",
    DATABASE_URL: "postgres://h/d",
    CACHE_DRIVER: "redis",
    REDIS_URL: "redis://h",
  };
  const full = await readConfig({ workspace: project.folder, env });
  assert.deepEqual(full.services["cache"]?.options, { url: "redis://h" });
});

test("plugin-env.d.ts, by which the template is type-checked here, is what its plugin.yaml says", async () => {
  const folder = packageFile("templates/plugin");
  assert.equal(await readFile(`${folder}/plugin-env.d.ts`, "utf8"), pluginTypes(await readManifest(folder)));
});
