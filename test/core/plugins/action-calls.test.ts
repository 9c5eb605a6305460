// One plugin's call of another's action, with a callee that does what the test says: tries, deadlines, chains, circuits.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Code } from "../../../src/core/base/codes.ts";
import { XcoreError } from "../../../src/core/base/error.ts";
import { silentLogger } from "../../../src/core/base/log.ts";
import {
  assertOffered,
  callAction,
  type ActionCall,
  type ActionOptions,
  type Callee,
} from "../../../src/core/plugins/action-calls.ts";
import { Circuits } from "../../../src/core/plugins/circuits.ts";
import type { ActionDescription, GuestDescription } from "../../../src/wire/guest-calls.ts";
import type { Json } from "../../../src/wire/json.ts";

function description(actions: Record<string, ActionDescription>): GuestDescription {
  return { routes: [], fetch: false, actions, jobs: {}, events: [], publishes: {} };
}

/** Answers with what each step gives; the last one stays. Notes with which options it was called. */
function callee(
  steps: (Code | (() => Json | Promise<Json>))[],
  actions: Record<string, ActionDescription> = { send: { idempotent: true } },
): Callee & { calls: ActionOptions[] } {
  const calls: ActionOptions[] = [];
  return {
    name: "mailer",
    declared: description(actions),
    calls,
    async action(_name, _input, options) {
      const step = steps[Math.min(calls.length, steps.length - 1)];
      calls.push(options);
      if (typeof step === "string") throw new XcoreError(step, "no");
      return step?.() ?? null;
    },
  };
}

const call = (more: Partial<ActionCall> = {}): ActionCall => ({
  caller: "orders",
  action: "send",
  input: null,
  origin: undefined,
  timeoutMs: 60_000,
  signal: new AbortController().signal,
  ...more,
});
const circuits = (): Circuits => new Circuits(silentLogger);
const ok = (): Json => "sent";

test("what passes is tried again, with less and less time and the same chain", async () => {
  const mailer = callee(["PLUGIN_NOT_READY", "PLUGIN_CRASHED", ok]);
  assert.equal(await callAction(mailer, call({ origin: { chain: ["shop.buy"] } }), circuits()), "sent");
  assert.equal(mailer.calls.length, 3);
  const times = mailer.calls.map(({ timeoutMs }) => timeoutMs);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => b - a),
  );
  for (const { origin, caller } of mailer.calls) {
    assert.deepEqual(origin, { chain: ["shop.buy", "mailer.send"] });
    assert.equal(caller, "orders");
  }
});

test("an error of the action, a limit it ran into, and what is not idempotent are not tried again", async () => {
  for (const code of [
    "PLUGIN_ERROR",
    "INPUT_INVALID",
    "PLUGIN_CPU_LIMIT",
    "PLUGIN_MEMORY_LIMIT",
    "CIRCUIT_OPEN",
  ] as const) {
    const mailer = callee([code]);
    await assert.rejects(callAction(mailer, call(), circuits()), { code });
    assert.equal(mailer.calls.length, 1);
  }
  const once = callee(["PLUGIN_CRASHED"], { send: {} });
  await assert.rejects(callAction(once, call(), circuits()), { code: "PLUGIN_CRASHED" });
  assert.equal(once.calls.length, 1);
});

test("there is no further try when the time left is shorter than the pause, or nobody waits any more", async () => {
  const late = callee(["PLUGIN_BUSY"]);
  await assert.rejects(callAction(late, call({ timeoutMs: 50 }), circuits()), { code: "PLUGIN_BUSY" });
  assert.equal(late.calls.length, 1);
  const client = new AbortController();
  const gone = callee([
    () => {
      client.abort();
      throw new XcoreError("PLUGIN_CRASHED", "no");
    },
  ]);
  await assert.rejects(callAction(gone, call({ signal: client.signal }), circuits()), {
    code: "PLUGIN_CRASHED",
  });
  assert.equal(gone.calls.length, 1);
});

test("what one call tries counts for the circuit: when it opens, the callee's own error is the answer", async () => {
  const shared = circuits();
  const mailer = callee(["PLUGIN_TIMEOUT"]);
  await assert.rejects(callAction(mailer, call(), shared), { code: "PLUGIN_TIMEOUT" });
  assert.equal(mailer.calls.length, 5);
  await assert.rejects(callAction(mailer, call(), shared), { code: "CIRCUIT_OPEN" });
  assert.equal(mailer.calls.length, 5);
  assert.equal(await callAction(callee([ok]), call({ caller: "notes" }), shared), "sent");
});

test("a caller that goes says nothing about the callee; a caller whose time is over does", async () => {
  for (const [reason, failures] of [
    [new XcoreError("CALL_CANCELLED", "the caller no longer waits"), 0],
    [new XcoreError("PLUGIN_TIMEOUT", "the time of its caller is over"), 1],
  ] as const) {
    const shared = circuits();
    const controller = new AbortController();
    const mailer = callee([
      () => {
        controller.abort(reason);
        throw new XcoreError("CALL_CANCELLED", "cancelled");
      },
    ]);
    await assert.rejects(callAction(mailer, call({ signal: controller.signal }), shared), {
      code: "CALL_CANCELLED",
    });
    assert.equal(shared.list()[0]?.failures ?? 0, failures);
  }
});

test("a neighbour's crash is not held against the callee, and made-up names are not kept", async () => {
  const shared = circuits();
  const bystander = callee(
    [
      () => {
        throw new XcoreError("PLUGIN_CRASHED", "its host was ended", { details: { bystander: true } });
      },
    ],
    { send: {} },
  );
  await assert.rejects(callAction(bystander, call(), shared), { code: "PLUGIN_CRASHED" });
  await assert.rejects(callAction(callee(["PLUGIN_NOT_READY"]), call({ action: "made-up" }), shared));
  assert.deepEqual(shared.list(), []);
});

test("the chain is checked before anybody is asked", async () => {
  const mailer = callee([ok]);
  const chain = ["shop.buy", "mailer.send", "orders.get"];
  await assert.rejects(callAction(mailer, call({ origin: { chain } }), circuits()), {
    code: "CALL_CYCLE",
    message: "actions call each other in a circle: shop.buy -> mailer.send -> orders.get -> mailer.send",
  });
  const deep = Array.from({ length: 16 }, (_, at) => `p.a${at}`);
  await assert.rejects(callAction(mailer, call({ origin: { chain: deep } }), circuits()), {
    code: "CALL_DEPTH",
  });
  assert.equal(mailer.calls.length, 0);
});

test("what is offered to whom", () => {
  const mailer = {
    name: "mailer",
    description: description({ send: {}, purge: { callers: ["cleaner"] }, none: { callers: [] } }),
  };
  for (const [action, caller] of [
    ["send", "orders"],
    ["purge", "cleaner"],
    ["purge", undefined],
    ["none", undefined],
  ] as const) {
    assertOffered(mailer, action, caller);
  }
  assert.throws(() => assertOffered(mailer, "purge", "orders"), {
    code: "CALLER_REFUSED",
    message: /only to cleaner, not to 'orders'/,
  });
  assert.throws(() => assertOffered(mailer, "none", "orders"), {
    code: "CALLER_REFUSED",
    message: /to no plugin/,
  });
  assert.throws(() => assertOffered(mailer, "constructor", "orders"), { code: "ACTION_NOT_FOUND" });
});
