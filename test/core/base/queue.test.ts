import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sleep, withDeadline } from "../../../src/core/base/deadline.ts";
import { SerialQueue, SerialQueues } from "../../../src/core/base/queue.ts";

describe("SerialQueue", () => {
  test("runs one job at a time in the order they came, and a failed one does not stop the line", async () => {
    const queue = new SerialQueue();
    const seen: string[] = [];
    const job = (name: string, ms: number) => async () => {
      seen.push(`${name} begins`);
      await sleep(ms);
      seen.push(`${name} ends`);
      if (name === "b") throw new Error("b fails");
    };
    const results = await Promise.allSettled([
      queue.run(job("a", 10)),
      queue.run(job("b", 1)),
      queue.run(job("c", 1)),
    ]);
    assert.deepEqual(seen, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    assert.deepEqual(
      results.map((result) => result.status),
      ["fulfilled", "rejected", "fulfilled"],
    );
  });
});

describe("SerialQueues", () => {
  test("keep the order of each key, side by side with other keys, also after a line was empty", async () => {
    const queues = new SerialQueues();
    const seen: string[] = [];
    const gate = Promise.withResolvers<void>();
    const slow = queues.run("a", async () => {
      await gate.promise;
      seen.push("a1");
    });
    const next = queues.run("a", async () => void seen.push("a2"));
    await queues.run("b", async () => void seen.push("b"));
    await assert.rejects(
      queues.run("b", () => Promise.reject(new Error("b fails"))),
      /b fails/,
    );
    gate.resolve();
    await Promise.all([slow, next]);
    await queues.run("a", async () => void seen.push("a3"));
    assert.deepEqual(seen, ["b", "a1", "a2", "a3"]);
  });
});

describe("withDeadline", () => {
  test("rejects with the given code when time runs out", async () => {
    const never = new Promise<void>(() => undefined);
    await assert.rejects(withDeadline(never, { ms: 5, code: "PLUGIN_TIMEOUT", message: "too late" }), {
      code: "PLUGIN_TIMEOUT",
      message: "too late",
    });
  });

  test("settles as the work does when it is in time", async () => {
    const answer = await withDeadline(Promise.resolve(4), {
      ms: 1000,
      code: "PLUGIN_TIMEOUT",
      message: "too late",
    });
    assert.equal(answer, 4);
  });
});
