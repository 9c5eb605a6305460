import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Backoff } from "../../../src/core/plugins/backoff.ts";
import { CpuShare } from "../../../src/core/plugins/cpu-share.ts";
import { RateLimiter } from "../../../src/core/base/rate-limiter.ts";
import { transition } from "../../../src/core/plugins/transitions.ts";

describe("Backoff", () => {
  test("doubles from 250 ms and quarantines at the fifth crash within a minute", () => {
    let now = 0;
    const backoff = new Backoff(() => now);
    const delays = [1, 2, 3, 4, 5].map(() => {
      now += 1000;
      return backoff.crashed();
    });
    assert.deepEqual(delays, [250, 500, 1000, 2000, "quarantine"]);
  });

  test("starts afresh after a quiet minute and after a reset", () => {
    let now = 0;
    const backoff = new Backoff(() => now);
    backoff.crashed();
    backoff.crashed();
    now += 61_000;
    assert.equal(backoff.crashed(), 250);
    backoff.reset();
    assert.equal(backoff.crashed(), 250);
  });

  test("never waits longer than 30 s", () => {
    let now = 0;
    const backoff = new Backoff(() => now);
    let last: number | "quarantine" = 0;
    for (let i = 0; i < 20; i += 1) {
      now += 20_000;
      last = backoff.crashed();
    }
    assert.equal(last, 30_000);
  });
});

describe("RateLimiter", () => {
  test("lets a burst through up to the count, then refills with time", () => {
    let now = 0;
    const limiter = new RateLimiter({ count: 3, perMs: 1000 }, () => now);
    assert.deepEqual(
      [limiter.take(), limiter.take(), limiter.take(), limiter.take()],
      [true, true, true, false],
    );
    assert.equal(limiter.retryAfterSeconds(), 1);
    now = 334;
    assert.equal(limiter.take(), true);
    assert.equal(limiter.take(), false);
  });
});

describe("CpuShare", () => {
  test("is the share since the reading of about a minute ago", () => {
    const share = new CpuShare();
    assert.equal(share.share(500, 1000), 0.5);
    assert.equal(share.share(500, 10_000), 0.05);
    for (let uptimeMs = 20_000; uptimeMs <= 120_000; uptimeMs += 10_000) share.share(500, uptimeMs);
    assert.equal(share.share(500, 130_000), 0, "the early burst is out of the window");
  });

  test("is no more than the cores it may use", () => {
    assert.equal(new CpuShare().share(3000, 1000), 1);
    assert.equal(new CpuShare(2).share(1500, 1000), 1.5);
  });
});

describe("transitions", () => {
  test("a way that is not in the table throws", () => {
    assert.equal(transition("installed", "loading"), "loading");
    assert.throws(() => transition("stopped", "ready"), /no way from 'stopped' to 'ready'/);
  });
});
