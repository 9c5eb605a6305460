import assert from "node:assert/strict";
import { test } from "node:test";
import { coreSliceMs, maxInboxLength } from "../../../src/core/sandbox/bounds.ts";
import { Inbox } from "../../../src/core/sandbox/inbox.ts";
import { encodeBatch } from "../../../src/wire/records.ts";

function inbox(take: (record: string) => void = () => undefined) {
  const taken: string[] = [];
  const breaches: string[] = [];
  const overflows: number[] = [];
  const made = new Inbox({
    take: (record) => {
      taken.push(record);
      take(record);
    },
    onBreach: (message) => {
      breaches.push(message);
      made.close();
    },
    onOverflow: (length) => {
      overflows.push(length);
      made.close();
    },
  });
  return { inbox: made, taken, breaches, overflows };
}

const spin = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("a batch that costs little is taken at once", () => {
  const { inbox: one, taken } = inbox();
  one.receive(encodeBatch(["a", "bb", "", "d"]));
  assert.deepEqual(taken, ["a", "bb", "", "d"]);
});

test("one that costs much is taken in parts, in order, and lets others go on in between", async () => {
  const { inbox: one, taken } = inbox(() => spin(1));
  const records = Array.from({ length: 5 * coreSliceMs }, (_, at) => `${at}${"x".repeat(2048)}`);
  one.receive(encodeBatch(records));
  assert.ok(taken.length < records.length, "it was not taken whole");
  one.receive(encodeBatch(["last"]));
  await until(() => taken.length === records.length + 1);
  assert.deepEqual(taken, [...records, "last"]);
});

test("what is no batch is a breach, and nothing behind it is taken", () => {
  for (const text of ["x", "3:ab", ":a", "1:a-1:b", "99999999999999999:a"]) {
    const { inbox: one, breaches } = inbox();
    one.receive(text);
    assert.equal(breaches.length, 1, text);
  }
});

test("more than may wait ends it", async () => {
  const { inbox: one, overflows } = inbox(() => spin(5));
  const batch = encodeBatch(Array.from({ length: 4000 }, () => "x".repeat(2048)));
  while (overflows.length === 0) one.receive(batch);
  assert.ok((overflows[0] ?? 0) > maxInboxLength);
});
