import assert from "node:assert/strict";
import { test } from "node:test";
import { DeliveryLedger } from "../../../src/core/sandbox/delivery-ledger.ts";
import { wasNotBegun } from "../../../src/core/sandbox/end-reasons.ts";
import { hostCpuMs } from "../../support/host-cpu.ts";
import { until } from "../../support/workspace.ts";
import { testPool } from "./pool.ts";
import { ending, rawOptions } from "./raw.ts";

const pool = await testPool();

test("of a killed host's calls those are told apart that it had not begun with, in the order they were sent", async () => {
  const begun: string[] = [];
  const calm = await pool.open(
    rawOptions(
      `onRecord(r, say) { if (r[0] === "C") { const id = idOf(r); say("H" + id + " " + id + " begun\\n" + id); if (id === "1") say("V1\\n1"); } }`,
      {
        label: "calm@1.0.0",
        onHostCall: ({ args }) => {
          begun.push(String(args));
          return Promise.resolve(null);
        },
      },
    ),
  );
  const culprit = ending();
  const stuck = await pool.open(
    rawOptions(
      `onRecord(r) { if (r[0] === "C") Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1); }`,
      {
        onEnd: culprit.onEnd,
        label: "stuck@1.0.0",
        // Time enough to ask the other one meanwhile.
        limits: { cpuMs: 600 },
      },
    ),
  );
  const { hostPid } = calm.stats();
  assert.equal(hostPid, stuck.stats().hostPid);
  const call = (): Promise<unknown> => calm.call("action", "x", null, { timeoutMs: 60_000 });
  assert.equal(await call(), 1);
  const second = call().catch((error: unknown) => error);
  await until(
    () => begun.length,
    (count) => count === 2,
  );
  const before = hostCpuMs(hostPid);
  const hanging = stuck.call("action", "x", null, { timeoutMs: 60_000 }).catch((error: unknown) => error);
  await until(
    () => hostCpuMs(hostPid) - before,
    (spentMs) => spentMs > 50,
  );
  const behind = await Promise.all([1, 2, 3].map(() => call().catch((error: unknown) => error)));
  const end = await culprit.ended;
  // Where the core comes late to end it, V8 gives up by itself.
  const gaveUp = end.details["signal"] === "SIGSEGV";
  assert.equal(end.code, gaveUp ? "PLUGIN_CRASHED" : "PLUGIN_CPU_LIMIT", end.message);
  await hanging;
  const answers = [await second, ...behind];
  assert.deepEqual(
    answers.map((error) => (error as { code?: string }).code),
    ["PLUGIN_CRASHED", "PLUGIN_CRASHED", "PLUGIN_CRASHED", "PLUGIN_CRASHED"],
  );
  assert.deepEqual(answers.map(wasNotBegun), [false, true, true, true]);
  assert.deepEqual(begun, ["1", "2"]);
});

test("frames are begun in the order they went out, also when their count starts anew", () => {
  const ledger = new DeliveryLedger();
  ledger.note(1, 2);
  ledger.note(2, 1);
  ledger.note(1, 3);
  ledger.settle(0);
  assert.deepEqual([ledger.unbegun(1), ledger.unbegun(2), ledger.unbegun(3)], [5, 1, 0]);
  ledger.settle(1);
  assert.deepEqual([ledger.unbegun(1), ledger.unbegun(2)], [3, 1]);
  ledger.settle(3);
  assert.equal(ledger.unbegun(1), 0);
  ledger.note(1, 1);
  assert.equal(ledger.unbegun(1), 1);
  ledger.settle(undefined);
  assert.equal(ledger.unbegun(1), 0, "where nothing is known, everything counts as begun");
});
