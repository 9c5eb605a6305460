import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sleep, withDeadline } from "../../../src/core/base/deadline.ts";
import { SerialQueue } from "../../../src/core/base/queue.ts";

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
