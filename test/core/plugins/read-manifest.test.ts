import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { checkCompatible, readManifest } from "../../../src/core/plugins/read-manifest.ts";
import { errorOf, faultsOf, makeProject } from "../config/project.ts";

const entry = { "src/index.ts": "export default {};" };

async function read(yaml: string, files: Record<string, string> = entry) {
  await using project = await makeProject({ ...files, "plugin.yaml": yaml });
  return await readManifest(project.folder);
}

test("a name and a version are all a manifest needs", async () => {
  assert.deepEqual(await read("name: notes\nversion: 1.0.0"), {
    name: "notes",
    version: "1.0.0",
    xcore: "*",
    entry: "src/index.ts",
    description: "",
    permissions: {
      database: false,
      cache: false,
      jobs: false,
      fetch: [],
      call: [],
      events: { publish: [], subscribe: [] },
      secrets: [],
      services: [],
    },
    limits: {},
    dependencies: {},
    config: undefined,
    migrations: "migrations",
  });
});

test("the whole shape is compiled and frozen", async () => {
  const manifest = await read(
    `name: notes
version: 1.2.3-beta.1
xcore: ^1.0.0
description: Keeps notes
entry: main.js
migrations: sql
permissions:
  database: true
  fetch: [API.Example.com, "*.example.org:8443"]
  call: [mailer.send, search.*]
  events: { publish: [note.*], subscribe: [user.created] }
  secrets: [NOTES_TOKEN]
limits: { memory: 64mb, cpu: 200ms, timeout: 5s, rate: 100/1s }
dependencies: { mailer: ^1.2.0 }
config: { type: object, properties: { title: { type: string } } }
`,
    { "main.js": "" },
  );
  assert.equal(manifest.permissions.fetch[0], "api.example.com");
  assert.deepEqual(manifest.limits, {
    memoryBytes: 64 * 1024 ** 2,
    cpuMs: 200,
    timeoutMs: 5000,
    rate: { count: 100, perMs: 1000 },
  });
  assert.deepEqual(manifest.dependencies, { mailer: "^1.2.0" });
  assert.ok(Object.isFrozen(manifest.permissions.events.publish));
});

for (const [yaml, path, message] of [
  ["version: 1.0.0", "name", /missing key 'name'/],
  ["name: notes", "version", /missing key 'version'.*1\.0\.0/],
  ["name: con\nversion: 1.0.0", "name", /reserved/],
  ["name: __proto__\nversion: 1.0.0", "name", /a name such as/],
  ["name: ../up\nversion: 1.0.0", "name", /a name such as/],
  [`name: ${"a".repeat(41)}\nversion: 1.0.0`, "name", /a name such as/],
  ["name: notes\nversion: 1.0", "version", /a version in quotes such as "1.0.0", got the number 1/],
  ['name: notes\nversion: "1.0"', "version", /did you mean '1\.0\.0'/],
  ["name: notes\nversion: 1.0.0\nxcore: soon", "xcore", /range of versions/],
  ["name: notes\nversion: 1.0.0\ndependencies: { mailer: soon }", "dependencies.mailer", /range of versions/],
  ["name: notes\nversion: 1.0.0\ndependencies: { notes: '*' }", "dependencies.notes", /itself/],
  ["name: notes\nversion: 1.0.0\npermision: {}", "permision", /did you mean 'permissions'/],
  [
    "name: notes\nversion: 1.0.0\npermissions: { databse: true }",
    "permissions.databse",
    /did you mean 'database'/,
  ],
  [
    "name: notes\nversion: 1.0.0\npermissions: { fetch: true }",
    "permissions.fetch",
    /expected a list, got true/,
  ],
  ["name: notes\nversion: 1.0.0\nlimits: { memory: 64 megs }", "limits.memory", /did you mean '64mb'/],
  ["name: notes\nversion: 1.0.0\nentry: ../other/index.ts", "entry", /inside the plugin's folder/],
  ["name: notes\nversion: 1.0.0\nentry: /etc/passwd", "entry", /inside the plugin's folder/],
  ["name: notes\nversion: 1.0.0\nentry: nope.ts", "entry", /'nope.ts' does not exist/],
  ["name: notes\nversion: 1.0.0\nentry: src", "entry", /is not a file/],
  ["name: notes\nversion: 1.0.0\nentry: plugin.yaml", "entry", /ends in \.ts/],
  ["name: notes\nversion: 1.0.0\nmigrations: ../../sql", "migrations", /inside the plugin's folder/],
  ["name: notes\nversion: 1.0.0\nconfig: { type: nonsense }", "config", /not a JSON Schema/],
  [
    "name: notes\nversion: 1.0.0\nconfig: { $ref: 'https://example.com/s.json' }",
    "config",
    /not a JSON Schema/,
  ],
  ["just text", "", /expected a map of keys and values, got the text/],
] as const) {
  test(`a fault of '${yaml.slice(0, 90).replaceAll("\n", " ⏎ ")}' is named with its path`, async () => {
    const error = await errorOf(read(yaml));
    assert.equal(error.code, "MANIFEST_INVALID");
    const fault = faultsOf(error).find((one) => one.path === path);
    assert.ok(fault, error.message);
    assert.match(fault.message, message);
    assert.match(error.message, /plugin\.yaml:\d+:\d+/);
  });
}

test("references to variables mean nothing in a manifest", async () => {
  assert.equal((await read('name: notes\nversion: 1.0.0\ndescription: "${HOME}"')).description, "${HOME}");
});

test("an entry that is a link out of the folder is refused", async () => {
  await using project = await makeProject({
    "outside.ts": "",
    "plugin/plugin.yaml": "name: notes\nversion: 1.0.0\nentry: in.ts",
  });
  await symlink(join(project.folder, "outside.ts"), join(project.folder, "plugin/in.ts"));
  const error = await errorOf(readManifest(join(project.folder, "plugin")));
  assert.match(error.message, /link out of the plugin's folder/);
});

test("a folder without plugin.yaml says so, and names a file that was meant", async () => {
  await using project = await makeProject({ "plugin.yml": "name: notes" });
  const error = await errorOf(readManifest(project.folder));
  assert.equal(error.code, "MANIFEST_INVALID");
  assert.match(error.hint ?? "", /Rename plugin\.yml/);
  assert.equal((await errorOf(readManifest(join(project.folder, "nowhere")))).code, "MANIFEST_INVALID");
});

test("a manifest over 64 KB is refused", async () => {
  const error = await errorOf(read(`name: notes\n# ${"x".repeat(70_000)}`));
  assert.match(error.message, /larger than 64 KB/);
});

test("a plugin for another xcore is incompatible, a prerelease of the right one is not", async () => {
  const manifest = await read("name: notes\nversion: 1.0.0\nxcore: ^2.0.0");
  assert.throws(() => checkCompatible(manifest, "1.4.0"), { code: "PLUGIN_INCOMPATIBLE" });
  checkCompatible(manifest, "2.1.0-rc.1");
});
