import assert from "node:assert/strict";
import { test } from "node:test";
import { configChanges } from "../../../src/core/config/changes.ts";
import { readConfig } from "../../../src/core/config/read.ts";
import { makeProject } from "./project.ts";

test("a change names the plugins, services and parts it touches and nothing else", async () => {
  await using project = await makeProject();
  const read = async (yaml: string) => {
    await project.write("integration.yaml", yaml);
    return await readConfig({ workspace: project.folder, env: {} });
  };
  const before = await read("name: a\nplugins: { x: { config: { n: 1 } }, y: {}, gone: {} }");
  const same = await read("# a comment\nname: a\nplugins: { y: {}, gone: {}, x: { config: { n: 1 } } }");
  assert.equal(configChanges(before, same).none, true);
  const after = await read(
    "name: a\nserver: { port: 1 }\nservices: { cache: { driver: redis } }\nplugins: { x: { config: { n: 2 } }, y: {}, z: {} }",
  );
  assert.deepEqual(configChanges(before, after), {
    parts: ["server"],
    services: ["cache"],
    plugins: ["gone", "x", "z"],
    policy: false,
    none: false,
  });
  const policy = await read(
    "name: a\npolicy: { defaults: { memory: 32mb } }\nplugins: { x: { config: { n: 1 } }, y: {}, gone: {} }",
  );
  assert.equal(configChanges(before, policy).policy, true);
});
