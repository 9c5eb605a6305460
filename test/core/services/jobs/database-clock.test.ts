// What a clock that is set by another one makes of slow answers and of jumps.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DatabaseClock } from "../../../../src/core/services/jobs/database-clock.ts";
import { undisturbed } from "../../../support/steady.ts";

const hour = 3_600_000;
const shows = (clock: DatabaseClock, ms: number, since: number): void => {
  const off = clock.now().getTime() - (ms + performance.now() - since);
  assert.ok(Math.abs(off) <= 50, `${off} ms off`);
};

test("a slow answer does not set the clock back, one that it contradicts sets it", () =>
  undisturbed(
    async () => {
      const clock = new DatabaseClock();
      const since = performance.now();
      const base = Date.now() + hour;
      clock.set(base, since);
      shows(clock, base, since);
      clock.set(base - 400, since - 500);
      shows(clock, base, since);
      clock.set(base - hour, since);
      shows(clock, base - hour, since);
      clock.set(base + hour, since);
      shows(clock, base + hour, since);
    },
    { stallMs: 10 },
  ));
