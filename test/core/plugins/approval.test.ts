import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../../src/core/config/read.ts";
import { permissionsOf } from "../../../src/core/config/permissions.ts";
import {
  effectiveLimits,
  effectivePermissions,
  effectiveSecrets,
  unapproved,
} from "../../../src/core/plugins/approval.ts";
import { readManifest } from "../../../src/core/plugins/read-manifest.ts";
import { makeProject } from "../config/project.ts";

async function given(manifest: string, integration: string) {
  await using project = await makeProject({
    "integration.yaml": `name: a\n${integration}`,
    "plugin.yaml": `name: notes\nversion: 1.0.0\n${manifest}`,
    "src/index.ts": "",
  });
  return {
    manifest: await readManifest(project.folder),
    config: await readConfig({ workspace: project.folder, env: {} }),
  };
}

test("a plugin gets what it asks for below the ceilings, and defaults for the rest", async () => {
  const { manifest, config } = await given("limits: { memory: 128mb, rate: 10/s }", "");
  assert.deepEqual(effectiveLimits(manifest, config), {
    memoryBytes: 128 * 1024 ** 2,
    cpuMs: 200,
    timeoutMs: 5000,
    streamIdleMs: 120_000,
    streamTimeMs: 3_600_000,
    streamBytes: 1024 ** 3,
    rate: { count: 10, perMs: 1000 },
  });
});

test("asking for more than the ceilings names each limit, unless its own entry lifts it", async () => {
  const asked = "limits: { memory: 1gb, cpu: 2s, timeout: 1s, rate: 100/s }";
  const { manifest, config } = await given(asked, "policy: { ceilings: { rate: 10/s } }");
  assert.throws(
    () => effectiveLimits(manifest, config),
    /PERMISSION|memory 1 GB \(ceiling 256 MB\), cpu 2 s \(ceiling 1 s\), rate 100 per 1 s \(ceiling 10 per 1 s\)/,
  );
  const lifted = await given(asked, "plugins: { notes: { limits: { memory: 1gb, cpu: 2s } } }");
  assert.equal(effectiveLimits(lifted.manifest, lifted.config).memoryBytes, 1024 ** 3);
});

test("its own entry also narrows", async () => {
  const { manifest, config } = await given(
    "limits: { memory: 128mb }",
    "plugins: { notes: { limits: { memory: 16mb } } }",
  );
  assert.equal(effectiveLimits(manifest, config).memoryBytes, 16 * 1024 ** 2);
});

test("the project's own plugins are approved unless integration.yaml narrows them", async () => {
  const asked = "permissions: { database: true, fetch: [api.example.com] }";
  const open = await given(asked, "");
  assert.equal(effectivePermissions(open.manifest, undefined, open.config), open.manifest.permissions);
  const narrow = await given(asked, "plugins: { notes: { allow: { database: true } } }");
  assert.throws(() => effectivePermissions(narrow.manifest, undefined, narrow.config), {
    code: "PERMISSION_NOT_APPROVED",
    message: "plugin 'notes' asks for what was not approved: fetch api.example.com",
  });
});

test("an installed plugin needs every permission approved in the lock, or allowed", async () => {
  const asked = "permissions: { jobs: true, secrets: [A, B] }";
  const approved = permissionsOf({ secrets: ["A"] });
  const { manifest, config } = await given(asked, "");
  assert.throws(() => effectivePermissions(manifest, approved, config), /not approved: jobs, secrets B/);
  const allowed = await given(asked, "plugins: { notes: { allow: { jobs: true, secrets: [A, B] } } }");
  assert.deepEqual(effectivePermissions(allowed.manifest, approved, allowed.config).secrets, ["A", "B"]);
});

test("approved patterns cover what they stand for and no more", () => {
  const covers = (approved: string, asked: string, kind: "fetch" | "call") =>
    unapproved(permissionsOf({ [kind]: [asked] }), permissionsOf({ [kind]: [approved] })).length === 0;
  assert.ok(covers("*.example.com", "api.example.com", "fetch"));
  assert.ok(covers("*.example.com", "*.api.example.com", "fetch"));
  assert.ok(!covers("*.example.com", "example.com", "fetch"));
  assert.ok(!covers("*.example.com", "badexample.com", "fetch"));
  assert.ok(!covers("api.example.com", "*.example.com", "fetch"));
  assert.ok(!covers("api.example.com", "api.example.com:8443", "fetch"));
  assert.ok(covers("mailer.*", "mailer.send", "call"));
  assert.ok(!covers("mailer.send", "mailer.*", "call"));
  assert.ok(!covers("mailer.*", "mailerx.send", "call"));
});

test("a secret the plugin reads must have a value", async () => {
  const asked = "permissions: { secrets: [A, B] }";
  const { manifest, config } = await given(asked, "plugins: { notes: { secrets: { A: x } } }");
  assert.throws(() => effectiveSecrets(manifest, config), { code: "PLUGIN_CONFIG", message: /secret B$/ });
  const full = await given(asked, "plugins: { notes: { secrets: { A: x, B: y, C: z } } }");
  assert.deepEqual(effectiveSecrets(full.manifest, full.config), { A: "x", B: "y" });
});
