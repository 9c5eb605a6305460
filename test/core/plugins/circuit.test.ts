import assert from "node:assert/strict";
import { test } from "node:test";
import { silentLogger } from "../../../src/core/base/log.ts";
import type { XcoreError } from "../../../src/core/base/error.ts";
import { Circuit, type Outcome } from "../../../src/core/plugins/circuit.ts";
import { Circuits } from "../../../src/core/plugins/circuits.ts";

function clocked() {
  const clock = { now: 0 };
  const options = { failures: 3, restMs: 1000, maxRestMs: 3000, now: () => clock.now };
  return { clock, options };
}

test("so many failures in a row open it, an answer in between begins anew", () => {
  const { options } = clocked();
  const circuit = new Circuit(options);
  for (const outcome of ["failed", "failed", "answered", "failed", "unknown", "failed"] as Outcome[]) {
    circuit.enter()?.(outcome);
  }
  assert.equal(circuit.state, "closed");
  circuit.enter()?.("failed");
  assert.equal(circuit.state, "open");
  assert.equal(circuit.retryInMs, 1000);
  assert.equal(circuit.enter(), undefined);
});

test("after its rest one call goes through, and its end decides", () => {
  const { clock, options } = clocked();
  const circuit = new Circuit(options);
  for (let times = 0; times < 3; times += 1) circuit.enter()?.("failed");
  clock.now = 1000;
  assert.equal(circuit.state, "half-open");
  const probe = circuit.enter();
  assert.equal(circuit.enter(), undefined);
  probe?.("failed");
  assert.equal(circuit.retryInMs, 2000);
  clock.now += 2000;
  circuit.enter()?.("failed");
  assert.equal(circuit.retryInMs, 3000);
  clock.now += 3000;
  circuit.enter()?.("unknown");
  assert.equal(circuit.state, "half-open");
  circuit.enter()?.("answered");
  assert.equal(circuit.state, "closed");
  assert.equal(circuit.failures, 0);
});

test("calls that were under way when it opened say nothing about it any more", () => {
  const { options } = clocked();
  const circuit = new Circuit(options);
  const late = circuit.enter();
  const early = circuit.enter();
  for (let times = 0; times < 3; times += 1) circuit.enter()?.("failed");
  early?.("answered");
  late?.("failed");
  assert.equal(circuit.state, "open");
  assert.equal(circuit.failures, 3);
});

test("each caller has its own, failures at the same time all count, and a plugin's are forgotten together", () => {
  const { options } = clocked();
  const circuits = new Circuits(silentLogger, options);
  const pair = { caller: "orders", action: "mailer.send" };
  const ends = [1, 2, 3].map(() => circuits.enter(pair));
  for (const end of ends) end("failed");
  assert.throws(
    () => circuits.enter(pair),
    (error: XcoreError) => {
      assert.equal(error.code, "CIRCUIT_OPEN");
      assert.match(
        error.message,
        /'mailer\.send' failed 3 times in a row when 'orders' called it; it is tried again in 1 s/,
      );
      assert.equal(error.details["retryAfterSeconds"], 1);
      return true;
    },
  );
  circuits.enter({ caller: "notes", action: "mailer.send" })("answered");
  circuits.enter({ caller: "notes", action: "stock.get" })("failed");
  assert.deepEqual(circuits.list(), [
    { ...pair, state: "open", failures: 3, retryInMs: 1000 },
    { caller: "notes", action: "stock.get", state: "closed", failures: 1, retryInMs: 0 },
  ]);
  assert.equal(circuits.list("mailer").length, 1);
  circuits.forget("mailer");
  circuits.enter(pair)("answered");
  assert.equal(circuits.list().length, 1);
});
