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

test("options of services are checked as a start would, all of them in one go", async () => {
  const checks = await examined(
    "name: a\nserver: { port: 0 }\nservices:\n  database: { poolSze: 5 }\n  cache: { driver: redis, url: cache.internal }\n  jobs: { driver: agend }\n  mail: { module: ./mail.ts }",
  );
  const { ok, detail = "", cure = "" } = checks.get("services") ?? {};
  assert.equal(ok, false);
  assert.match(
    detail,
    /integration\.yaml:4:15 {2}services\.database\.poolSze: unknown key.*did you mean 'poolSize'/,
  );
  assert.match(detail, /integration\.yaml:5:32 {2}services\.cache\.url: expected/);
  assert.match(detail, /services\.jobs\.driver: there is no driver 'agend'; did you mean 'agenda'/);
  assert.match(detail, /services\.mail\.module: there is no file/);
  assert.match(cure, /Correct .*integration\.yaml/);
});

test("an option of another driver is said to be one", async () => {
  const checks = await examined(
    "name: a\nserver: { port: 0 }\nservices: { cache: { url: 'redis://127.0.0.1' } }",
  );
  assert.match(
    checks.get("services")?.cure ?? "",
    /services\.cache\.url is for driver redis, and the driver here is memory/,
  );
});

test("services that are as they should be are listed with their drivers", async () => {
  const checks = await examined("name: a\nserver: { port: 0 }\nservices: { cache: { driver: redis } }");
  assert.equal(
    checks.get("services")?.detail,
    "database: embedded, cache: redis, jobs: agenda, events: memory",
  );
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
