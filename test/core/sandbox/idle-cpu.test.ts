import assert from "node:assert/strict";
import { test } from "node:test";
import { IdleCpu } from "../../../src/core/sandbox/idle-cpu.ts";

test("CPU used on nobody's behalf is allowed at once up to its burst, and then at its share", () => {
  const idle = new IdleCpu(200);
  let now = performance.now();
  idle.note(0, now);
  assert.equal(idle.note(1900, (now += 1900)), undefined);
  let cpu = 1900;
  for (let second = 0; second < 60; second += 1) {
    assert.equal(idle.note((cpu += 240), (now += 1000)), undefined, "a quarter of a processor for ever");
  }
  let over: number | undefined;
  for (let second = 0; second < 10 && over === undefined; second += 1)
    over = idle.note((cpu += 900), (now += 1000));
  assert.ok((over ?? 0) > 2000);
});

test("CPU used while a call was under way is the call's", () => {
  const idle = new IdleCpu(200);
  let now = performance.now();
  for (let second = 1; second < 60; second += 1) {
    idle.noteCall();
    assert.equal(idle.note(second * 1000, (now += 1000)), undefined);
  }
});
