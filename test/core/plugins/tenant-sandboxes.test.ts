// One isolate for each tenant, in real hosts: opened when needed, given up when idle, away for a while when it ended.
import assert from "node:assert/strict";
import { test } from "node:test";
import { XcoreError } from "../../../src/core/base/error.ts";
import type { CallTenant } from "../../../src/core/base/tenant.ts";
import { TenantSandboxes, type TenantSandboxesOptions } from "../../../src/core/plugins/tenant-sandboxes.ts";
import { testTenant, until } from "../../support/services.ts";
import { testPool } from "../sandbox/pool.ts";
import { rawOptions } from "../sandbox/raw.ts";

const pool = await testPool();

/** Answers the how-manieth call it is, `start` being the first; breaks the protocol when it is asked to. */
const counting = `onRecord(r, say) {
  if (r.endsWith('"break"')) say("nonsense");
  else if (r[0] === "C") say("V" + idOf(r) + "\\n" + (this.calls = (this.calls ?? 0) + 1));
}`;

async function sandboxes(more: Partial<TenantSandboxesOptions> = {}): Promise<{
  all: TenantSandboxes;
  ask(tenant: CallTenant | undefined, payload?: string): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}> {
  const own = await pool.open(rawOptions(counting));
  const all = new TenantSandboxes({
    own,
    plugin: "raw@1.0.0",
    startTimeoutMs: 60_000,
    open: ({ onEnd }) => pool.open(rawOptions(counting, { onEnd })),
    onEnd: () => undefined,
    ...more,
  });
  const ask = (tenant: CallTenant | undefined, payload = ""): Promise<unknown> =>
    all.call("action", "x", payload, { timeoutMs: 60_000, origin: { tenant } });
  return { all, ask, [Symbol.asyncDispose]: () => all.close() };
}

const tenants = (count: number): CallTenant[] =>
  Array.from({ length: count }, (_, at) => testTenant(`tenant-${at}`, { serial: at + 1 }));

test("each tenant's calls go to an isolate of its own that was started for it, calls of none to the plugin's", async () => {
  await using it = await sandboxes();
  const [one, two] = tenants(2) as [CallTenant, CallTenant];
  assert.deepEqual([await it.ask(one), await it.ask(one), await it.ask(two)], [2, 3, 2]);
  assert.deepEqual([await it.ask(undefined), await it.ask(undefined)], [1, 2]);
  const at = await Promise.all([it.ask(one), it.ask(one), it.ask(one)]);
  assert.deepEqual(at, [4, 5, 6], "calls at the same time share it");
});

test("the one that was idle for longest gives way; when all are at work the next tenant is refused", async () => {
  await using it = await sandboxes({ most: 2 });
  const [one, two, three] = tenants(3) as [CallTenant, CallTenant, CallTenant];
  for (const tenant of [one, two, one, three]) await it.ask(tenant);
  assert.equal(await it.ask(one), 4, "it was used after the other");
  assert.equal(await it.ask(two), 2, "it had given way");
  const busy = [one, two].map((tenant) => it.ask(tenant));
  await assert.rejects(it.ask(three), { code: "PLUGIN_BUSY" });
  await Promise.all(busy);
  assert.equal(await it.ask(three), 2);
});

test("while one that ended rests it says why; the others go on, and it comes back", async () => {
  await using it = await sandboxes();
  const [one, two] = tenants(2) as [CallTenant, CallTenant];
  await it.ask(two);
  await assert.rejects(it.ask(one, "break"), { code: "PLUGIN_PROTOCOL" });
  assert.equal(await it.ask(two), 3);
  await until(async () => {
    try {
      return (await it.ask(one)) === 2;
    } catch (error) {
      assert.equal((error as XcoreError).code, "PLUGIN_PROTOCOL");
      return false;
    }
  });
});

test("one is closed when it was idle for long, or its tenant may not go on", async () => {
  let closed = 0;
  await using it = await sandboxes({
    idleMs: 400,
    async open({ onEnd }) {
      const sandbox = await pool.open(rawOptions(counting, { onEnd }));
      const close = sandbox.close.bind(sandbox);
      sandbox.close = () => {
        closed += 1;
        return close();
      };
      return sandbox;
    },
  });
  let suspended = false;
  const [idle] = tenants(1) as [CallTenant];
  const barred = testTenant("barred", {
    serial: 9,
    assertActive() {
      if (suspended) throw new XcoreError("TENANT_SUSPENDED", "suspended");
    },
  });
  await it.ask(idle);
  await it.ask(barred);
  suspended = true;
  await until(() => closed === 2);
  suspended = false;
  assert.deepEqual([await it.ask(idle), await it.ask(barred)], [2, 2]);
  assert.ok(it.all.stats().cpuMs >= 0);
});
