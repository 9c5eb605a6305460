// Turns: so many at once, in the order they were asked for.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { Slots } from "../../../src/core/base/slots.ts";

test("no more than so many have their turn at once, and the others follow in order", async () => {
  const slots = new Slots(2);
  const begun: number[] = [];
  const ends = Array.from({ length: 4 }, async (_, number) => {
    const end = await slots.take();
    begun.push(number);
    return end;
  });
  await turnOfTheLoop();
  assert.deepEqual(begun, [0, 1]);
  (await ends[1])?.();
  await turnOfTheLoop();
  assert.deepEqual(begun, [0, 1, 2]);
});

test("a turn that is ended twice is given on once", async () => {
  const slots = new Slots(1);
  const end = await slots.take();
  let begun = 0;
  void slots.take().then(() => (begun += 1));
  void slots.take().then(() => (begun += 1));
  end();
  end();
  await turnOfTheLoop();
  assert.equal(begun, 1);
});

test("a job gives its turn on when it says so, and when it fails", async () => {
  const slots = new Slots(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  const long = slots.run(async (end) => {
    end();
    await promise;
    return "long";
  });
  await assert.rejects(slots.run(() => Promise.reject(new Error("failed"))));
  assert.equal(await slots.run(() => Promise.resolve("next")), "next");
  resolve();
  assert.equal(await long, "long");
});
