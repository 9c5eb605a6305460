import assert from "node:assert/strict";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { examine } from "../../src/core/doctor.ts";
import { makeProject } from "./config/project.ts";

async function examined(yaml: string, files: Record<string, string> = {}) {
  await using project = await makeProject({ "integration.yaml": yaml, ...files });
  const checks = await examine({ workspace: project.folder });
  return new Map(checks.map((check) => [check.name, check]));
}

test("a sound project on a sound machine passes every check", async () => {
  const checks = await examined("name: a\nserver: { port: 0 }");
  assert.deepEqual(
    [...checks.values()].filter((check) => !check.ok),
    [],
  );
  assert.match(checks.get("embedded Postgres")?.detail ?? "", /PostgreSQL.*no data yet/);
});

test("a broken integration.yaml is shown with its line, and the machine is still looked at", async () => {
  const checks = await examined("name: a\nservr: {}");
  assert.equal(checks.get("isolated-vm")?.ok, true);
  const config = checks.get("integration.yaml");
  assert.equal(config?.ok, false);
  assert.match(config.detail, /integration\.yaml:2:1/);
});

test("a broken plugin is named with its cure", async () => {
  const checks = await examined("name: a\nserver: { port: 0 }", { "plugins/bad/plugin.yaml": "name: bad" });
  assert.equal(checks.get("plugins")?.ok, false);
  assert.match(checks.get("plugins")?.detail ?? "", /bad: .*missing key 'version'/s);
});

test("a port that is written down and taken fails", async () => {
  const server = createServer();
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  try {
    const { port } = server.address() as AddressInfo;
    const checks = await examined(`name: a\nserver: { port: ${port} }`);
    assert.equal(checks.get("port")?.ok, false);
    assert.match(checks.get("port")?.detail ?? "", /is taken/);
  } finally {
    server.close();
  }
});
