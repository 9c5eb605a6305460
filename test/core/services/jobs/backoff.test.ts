import assert from "node:assert/strict";
import { test } from "node:test";
import { XcoreError } from "../../../../src/core/base/error.ts";
import { parseBackoff, retryDelayMs } from "../../../../src/core/services/jobs/backoff.ts";

import { planJobs } from "../../../../src/core/services/jobs/schedule.ts";

const delays = (written: Parameters<typeof parseBackoff>[0], random: number): number[] =>
  [1, 2, 3, 20].map((attempt) => retryDelayMs(parseBackoff(written), attempt, random));

test("retries wait 1 s, 2 s, 4 s, at most 10 minutes, unless the job says otherwise", () => {
  assert.deepEqual(delays(undefined, 0.5), [1000, 2000, 4000, 600_000]);
  assert.deepEqual(delays({ first: "5s", factor: 3, max: "1 minute" }, 0.5), [5000, 15_000, 45_000, 60_000]);
  assert.deepEqual(delays({ first: "1 hour", factor: 1 }, 0.5), [3_600_000, 3_600_000, 3_600_000, 3_600_000]);
});

test("jitter spreads them by its share, both ways", () => {
  assert.equal(delays(undefined, 0)[0], 800);
  assert.equal(delays(undefined, 1)[0], 1200);
  assert.equal(delays({ jitter: 0 }, 1)[0], 1000);
  assert.equal(delays({ jitter: 1 }, 0)[0], 0);
});

test("a wrong one is named, with how to write it", () => {
  const wrong = (backoff: object): XcoreError => {
    try {
      planJobs("notes", { digest: { backoff } });
    } catch (error) {
      assert.ok(error instanceof XcoreError);
      return error;
    }
    throw new Error("it was taken");
  };
  const tooShort = wrong({ first: "200ms" });
  assert.match(
    tooShort.message,
    /^plugin 'notes': job 'digest': backoff\.first: '200ms' .*at least 1 second/,
  );
  assert.match(tooShort.hint ?? "", /backoff: \{ first: "5s"/);
  assert.match(wrong({ frist: "5s" }).message, /did you mean 'first'/);
});
