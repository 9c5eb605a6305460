import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../../src/core/config/read.ts";
import { readCatalog } from "../../../src/core/plugins/catalog.ts";
import { makeProject } from "../config/project.ts";

const plugin = (folder: string, name: string) => ({
  [`${folder}/plugin.yaml`]: `name: ${name}\nversion: 1.0.0\n`,
  [`${folder}/src/index.ts`]: "export default {};",
});

test("the project's own plugins and the installed ones are listed by name", async () => {
  await using project = await makeProject({
    "integration.yaml": "name: a",
    ...plugin("plugins/notes", "notes"),
    ...plugin("plugins/folder-name", "another"),
    ...plugin(".xcore/installed/mailer", "mailer"),
    "plugins/shared/util.ts": "",
    "plugins/README.md": "",
  });
  const config = await readConfig({ workspace: project.folder, env: {} });
  const entries = await readCatalog(config, [
    { name: "mailer", folder: join(project.folder, ".xcore/installed/mailer") },
  ]);
  assert.deepEqual(
    entries.map(({ name, source, error }) => [name, source, error]),
    [
      ["another", "workspace", undefined],
      ["mailer", "installed", undefined],
      ["notes", "workspace", undefined],
    ],
  );
});

test("a broken manifest fails alone", async () => {
  await using project = await makeProject({
    "integration.yaml": "name: a",
    ...plugin("plugins/good", "good"),
    "plugins/bad/plugin.yaml": "version: [",
    "plugins/misspelt/plugin.yml": "name: misspelt",
  });
  const config = await readConfig({ workspace: project.folder, env: {} });
  const entries = await readCatalog(config);
  assert.deepEqual(
    entries.map(({ name, error }) => [name, error?.code]),
    [
      ["bad", "MANIFEST_INVALID"],
      ["good", undefined],
      ["misspelt", "MANIFEST_INVALID"],
    ],
  );
});

test("two plugins of one name are one entry with an error that names both folders", async () => {
  await using project = await makeProject({
    "integration.yaml": "name: a",
    ...plugin("plugins/one", "notes"),
    ...plugin("plugins/two", "notes"),
  });
  const config = await readConfig({ workspace: project.folder, env: {} });
  const [entry, ...others] = await readCatalog(config);
  assert.equal(others.length, 0);
  assert.equal(entry?.error?.code, "PLUGIN_EXISTS");
  assert.match(entry.error.message, /plugins\/one and .*plugins\/two/);
});

test("an installed folder that holds another plugin than the lock says is an error of that plugin", async () => {
  await using project = await makeProject({ "integration.yaml": "name: a", ...plugin("store/x", "other") });
  const config = await readConfig({ workspace: project.folder, env: {} });
  const [entry] = await readCatalog(config, [{ name: "notes", folder: join(project.folder, "store/x") }]);
  assert.equal(entry?.name, "notes");
  assert.equal(entry.error?.code, "LOCK_MISMATCH");
});

test("a project without a plugins folder has no plugins", async () => {
  await using project = await makeProject({ "integration.yaml": "name: a" });
  assert.deepEqual(await readCatalog(await readConfig({ workspace: project.folder, env: {} })), []);
});
