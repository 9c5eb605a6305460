// What every fault of a database or a cache has to leave whole. The bounds are wider than what is promised: the machine of a
// test may be busy. The figures stand in the test's diagnostics.
import assert from "node:assert/strict";
import type { Suffered } from "./faulted-server.ts";

export interface Expected {
  /** Whether /readyz has to say 503 while the fault lasts. Default true. */
  unready?: boolean;
  /** Whether it is the cache that is in trouble: then the requests that use it are held to their time. Default false. */
  cache?: boolean;
}

export function assertSurvived(seen: Suffered, { unready = true, cache = false }: Expected = {}): void {
  assert.equal(seen.notAlive, 0, "/livez said something other than 200");
  assert.deepEqual(seen.unhandled, []);
  assert.ok(seen.written > 0 && seen.enqueued > 0, "nothing was written at all");
  assert.equal(seen.lostWrites, 0, "acknowledged writes are gone");
  assert.equal(seen.lostJobs, 0, "acknowledged jobs have not run");
  assert.equal(seen.failedCached, 0, "requests failed for the cache");
  // Promised: 2 s, 5 s, 250 ms. Whatever takes as long as /livez took at its slowest is the machine's doing.
  const slackMs = 20 * seen.slowestLivezMs;
  if (unready)
    assert.ok(
      (seen.unreadyAfterMs ?? Infinity) < 4_000 + slackMs,
      `/readyz said 503 after ${seen.unreadyAfterMs} ms`,
    );
  assert.ok(seen.readyAfterMs < 12_000 + slackMs, `/readyz said 200 after ${seen.readyAfterMs} ms`);
  assert.ok(
    seen.writesAfterMs < 15_000 + slackMs,
    `the first write came ${seen.writesAfterMs} ms after the fault`,
  );
  // Unguarded, each call would take a second at least, and a request makes two.
  if (cache)
    assert.ok(
      seen.usualCachedMs < 1000 + 2 * seen.usualPlainMs,
      `requests that use the cache took ${seen.usualCachedMs} ms, others ${seen.usualPlainMs} ms`,
    );
  assert.ok(seen.grownMb < 40, `the heap has grown by ${seen.grownMb} MB`);
}
