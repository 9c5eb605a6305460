import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Meter } from "../../../src/core/base/meter.ts";

describe("Meter", () => {
  test("tells rate and 95th percentile of what was recorded within the window", () => {
    let now = 0;
    const meter = new Meter(() => now);
    for (let i = 0; i < 100; i += 1) meter.record(i < 95 ? 1 : 100, false);
    now = 9_999;
    assert.equal(meter.perSecond(), 10);
    assert.equal(meter.perMinute(), 100);
    const p95 = meter.p95Ms() ?? 0;
    assert.ok(p95 >= 1 && p95 < 1.2, `p95 was ${p95}`);
    for (let i = 0; i < 20; i += 1) meter.record(100, true);
    assert.ok((meter.p95Ms() ?? 0) >= 100);
    assert.equal(meter.errors, 20);
    assert.equal(meter.total, 120);
  });

  test("counts one request as one, however young it is", () => {
    const meter = new Meter(() => 0);
    meter.record(1, false);
    assert.deepEqual([meter.perMinute(), meter.perSecond()], [1, 0.1]);
  });

  test("lets every second go 60 seconds later", () => {
    let now = 0;
    const meter = new Meter(() => now);
    for (; now < 200_000; now += 500) {
      meter.record(1, false);
      if (now >= 60_000) assert.equal(meter.perMinute(), now % 1000 === 0 ? 119 : 120);
    }
    now += 30_000;
    assert.equal(meter.perMinute(), 58);
    assert.equal(meter.perSecond(), 0);
  });

  test("forgets what is older than a minute", () => {
    let now = 0;
    const meter = new Meter(() => now);
    meter.record(5, false);
    now = 120_000;
    assert.deepEqual([meter.perSecond(), meter.perMinute()], [0, 0]);
    assert.equal(meter.p95Ms(), null);
  });
});
