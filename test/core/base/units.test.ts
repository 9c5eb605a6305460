import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  formatDuration,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
} from "../../../src/core/base/units.ts";

describe("units", () => {
  test("sizes are powers of 1024 in any case, and nothing else", () => {
    assert.equal(parseSize("64mb"), 64 * 1024 * 1024);
    assert.equal(parseSize("1.5 KB"), 1536);
    for (const wrong of ["64", "64 megs", "mb", "-1mb", ""]) assert.equal(parseSize(wrong), undefined, wrong);
  });

  test("durations and rates are read as people write them", () => {
    assert.equal(parseDuration("200ms"), 200);
    assert.equal(parseDuration("1.5s"), 1500);
    assert.equal(parseDuration("2h"), 7_200_000);
    assert.deepEqual(parseRate("100/1s"), { count: 100, perMs: 1000 });
    assert.deepEqual(parseRate("5/m"), { count: 5, perMs: 60_000 });
    for (const wrong of ["100", "100/", "x/1s", "1/0s"]) assert.equal(parseRate(wrong), undefined, wrong);
  });

  test("what is printed is short and has its unit", () => {
    assert.equal(formatSize(64 * 1024 * 1024), "64 MB");
    assert.equal(formatSize(1536), "1.5 KB");
    assert.equal(formatDuration(0.25), "0.3 ms");
    assert.equal(formatDuration(1500), "1.5 s");
    assert.equal(formatDuration(93_784_000), "1d 2h");
    assert.equal(formatDuration(61_000), "1m 1s");
  });
});
