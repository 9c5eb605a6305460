import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { Lanes } from "../../../src/core/base/lanes.ts";

test("work goes a few at a time in the order it came, and a failure frees its lane", async () => {
  const lanes = new Lanes({ count: 2, patienceMs: 60_000 });
  const begun: number[] = [];
  const ends = [0, 1, 2, 3].map(() => Promise.withResolvers<number>());
  const done = ends.map(({ promise }, n) =>
    lanes.run(() => {
      begun.push(n);
      return promise;
    }),
  );
  await pause(1);
  assert.deepEqual(begun, [0, 1]);
  ends[1]?.reject(new Error("on purpose"));
  await assert.rejects(done[1] ?? Promise.resolve(), /on purpose/);
  await pause(1);
  assert.deepEqual(begun, [0, 1, 2]);
  ends[0]?.resolve(0);
  ends[2]?.resolve(2);
  ends[3]?.resolve(3);
  assert.deepEqual(await Promise.all([done[0], done[2], done[3]]), [0, 2, 3]);
});

test("work that takes long does not keep its lane, and frees it once", async () => {
  const lanes = new Lanes({ count: 1, patienceMs: 10 });
  const slow = Promise.withResolvers<string>();
  const first = lanes.run(() => slow.promise);
  assert.equal(await lanes.run(async () => "second"), "second");
  slow.resolve("first");
  assert.equal(await first, "first");
  const third = Promise.withResolvers<string>();
  const running = lanes.run(() => third.promise);
  let begun = false;
  const fourth = lanes.run(async () => {
    begun = true;
  });
  await Promise.resolve();
  assert.equal(begun, false);
  third.resolve("third");
  await Promise.all([running, fourth]);
  assert.equal(begun, true);
});
