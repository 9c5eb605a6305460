import assert from "node:assert/strict";
import { test } from "node:test";
import { promisify } from "node:util";
import { RevisionTimers } from "../../../src/core/sandbox/revision-timers.ts";

test("a revision's timers run as Node's do, tell what they throw, and end with it", async () => {
  const uncaught: unknown[] = [];
  const timers = new RevisionTimers((error) => uncaught.push(error));
  const { setTimeout: set, setInterval: repeat, setImmediate: soon, clearTimeout: clear } = timers.globals;
  const ran: unknown[] = [];
  set((word) => ran.push(word), 1, "timeout");
  soon((word) => ran.push(word), "immediate");
  set(() => {
    throw new Error("on purpose");
  }, 1);
  clear(set(() => ran.push("cleared"), 1));
  assert.equal(await promisify(set)(5, "value"), "value");
  await promisify(soon)();
  assert.deepEqual(ran.toSorted(), ["immediate", "timeout"]);
  assert.deepEqual(uncaught.map(String), ["Error: on purpose"]);

  repeat(() => ran.push("interval"), 1);
  set(() => ran.push("late"), 1);
  soon(() => ran.push("soon"));
  timers.dispose();
  await promisify(setTimeout)(10);
  assert.deepEqual(ran.toSorted(), ["immediate", "timeout"]);
});
