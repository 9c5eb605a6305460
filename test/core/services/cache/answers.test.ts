import assert from "node:assert/strict";
import { test } from "node:test";
import { AwaitedAnswers } from "../../../../src/core/services/cache/answers.ts";

test("an answer is what it is, also when it is a fault", async () => {
  const answers = new AwaitedAnswers();
  assert.equal(await answers.within(Promise.resolve(1), 60_000), 1);
  await assert.rejects(answers.within(Promise.reject(new Error("no")), 60_000), /^Error: no$/);
});

test("one that does not come is waited for no longer than that", async () => {
  const { promise } = Promise.withResolvers<never>();
  await assert.rejects(new AwaitedAnswers().within(promise, 20), /no answer within 20 ms/);
});

test("one that has come is taken, however long this process was busy with something else", async () => {
  const answers = new AwaitedAnswers();
  const { promise, resolve } = Promise.withResolvers<string>();
  const answer = answers.within(promise, 20);
  // After the timers of this turn, as what arrives on a socket.
  setTimeout(() => setImmediate(() => resolve("there")), 10);
  const end = performance.now() + 60;
  while (performance.now() < end) performance.now();
  assert.equal(await answer, "there");
});

test("giving up ends every wait, and what settles later is nobody's rejection", async () => {
  const answers = new AwaitedAnswers();
  const { promise, reject } = Promise.withResolvers<never>();
  const waiting = [1, 2, 3].map(() => answers.within(promise, 60_000));
  answers.giveUp("it is away");
  for (const one of waiting) await assert.rejects(one, /it is away/);
  reject(new Error("late"));
  await new Promise(setImmediate);
});
