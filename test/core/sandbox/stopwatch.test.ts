// The timeouts that V8 is given: late enough, not much later, and few different moments.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { undisturbed } from "../../support/steady.ts";
import { Stopwatch } from "../../../src/core/sandbox/host/stopwatch.ts";

test("a timeout is whole milliseconds, never early, and at most 21 ms late", () => {
  for (const ms of [1, 50, 249.5, 250, 1000])
    for (let round = 0; round < 100; round += 1) {
      const given = new Stopwatch().timeoutOf(ms);
      assert.ok(Number.isInteger(given) && given >= ms && given <= ms + 22, `${given} for ${ms}`);
    }
});

test("timeouts of stretches that begin one after another pass together", async () => {
  await undisturbed(
    async () => {
      const moments = new Set<number>();
      const began = performance.now();
      while (performance.now() - began < 100) {
        const at = performance.now();
        // Five more, so that the time between the two looks at the clock moves none into another cell of the grid.
        moments.add(Math.floor((at + new Stopwatch().timeoutOf(250) + 5) / 20));
        await sleep(1);
      }
      const passed = performance.now() - began;
      assert.ok(moments.size <= passed / 20 + 2, `${moments.size} moments in ${passed} ms`);
    },
    { stallMs: 2 },
  );
});

test("CPU time is no more than the time that has passed", async () => {
  const clock = new Stopwatch();
  await sleep(10);
  assert.ok(clock.cpuMs() <= clock.elapsedMs());
});
