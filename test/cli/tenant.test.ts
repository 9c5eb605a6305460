// xcore tenant against a real control socket that answers what the test wants.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openControlServer } from "./support/control-server.ts";
import { makeWorkspace, xcore } from "./support/run.ts";

const tenant = (changes: object = {}): object => ({
  name: "acme",
  state: "active",
  plugins: null,
  quotas: {},
  createdAt: "2026-01-31T10:00:00.000Z",
  requestsPerMinute: 7,
  p95Ms: 12.5,
  errors: 0,
  ...changes,
});

/** Runs the command; what the server was asked, and what came of it. */
async function run(args: string[], results: Record<string, unknown> = {}) {
  await using workspace = await makeWorkspace();
  const asked: unknown[] = [];
  await using _server = await openControlServer(workspace.stateFolder, (operation, params) => {
    asked.push([operation, params]);
    return { result: results[operation] ?? tenant() };
  });
  return { ...(await xcore(["tenant", ...args], { cwd: workspace.folder })), asked };
}

describe("xcore tenant", () => {
  it("create passes on what was given, and nothing else", async () => {
    const plain = await run(["create", "acme"]);
    assert.deepEqual([plain.code, plain.asked], [0, [["tenant.create", { name: "acme" }]]]);
    assert.match(plain.stderr, /Made the tenant acme/);
    const args = [
      "create",
      "acme",
      "-p",
      "notes",
      "-p",
      "mailer",
      "--requests",
      "10/1s",
      "--jobs",
      "5",
      "--json",
    ];
    const full = await run(args);
    const params = { name: "acme", plugins: ["notes", "mailer"], requests: "10/1s", jobs: 5 };
    assert.deepEqual(full.asked, [["tenant.create", params]]);
    assert.deepEqual(JSON.parse(full.stdout), { ok: true, format: 1, tenant: tenant() });
  });

  it("set lifts plugins and quotas by word, and wants something to change", async () => {
    const lifted = await run(["set", "acme", "--plugin", "all", "--requests", "none", "--jobs", "none"]);
    assert.deepEqual(lifted.asked, [
      ["tenant.set", { name: "acme", plugins: null, requests: null, jobs: null }],
    ]);
    assert.deepEqual(
      [(await run(["set", "acme"])).code, (await run(["set", "acme", "--jobs", "many"])).code],
      [2, 2],
    );
  });

  it("list shows tenants within 80 columns", async () => {
    const odd = tenant({
      name: "a-tenant-with-quite-a-long-name-of-forty",
      state: "suspended",
      plugins: ["notes", "mailer", "links", "a-plugin-with-quite-a-long-name"],
      quotas: { requests: null, jobs: 5 },
      p95Ms: null,
    });
    const { code, stdout } = await run(["list"], { "tenant.list": [tenant(), odd] });
    assert.equal(code, 0);
    for (const shown of ["acme", "all", "standard", "suspended", "no rate", "2026-01-31"]) {
      assert.ok(stdout.includes(shown), shown);
    }
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("suspend and resume name the tenant", async () => {
    for (const how of ["suspend", "resume"]) {
      const { code, asked } = await run([how, "acme"]);
      assert.deepEqual([code, asked], [0, [[`tenant.${how}`, { name: "acme" }]]]);
    }
  });

  it("drop asks for a yes where nobody can be asked, and for an existing tenant before that", async () => {
    const results = { "tenant.list": [tenant()], "tenant.drop": null };
    const unasked = await run(["drop", "acme"], results);
    assert.equal(unasked.code, 2);
    assert.match(unasked.stderr, /--yes/);
    assert.deepEqual(unasked.asked, [["tenant.list", {}]]);
    const missing = await run(["drop", "other", "--yes"], results);
    assert.match(missing.stderr, /TENANT_UNKNOWN/);
    const dropped = await run(["drop", "acme", "--yes"], results);
    assert.deepEqual([dropped.code, dropped.asked.at(-1)], [0, ["tenant.drop", { name: "acme" }]]);
  });
});
