// The table says of each goal whether it is met, and never calls a figure that is missing one.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isMet, renderTable, type Row } from "../../bench/table.ts";

const rows: Row[] = [
  { what: "rate", value: 0.71, unit: "x", goal: { atLeast: 1 }, measured: "koa 100, xcore 71" },
  { what: "cost", value: 1.2, unit: "x", goal: { atMost: 1.25 } },
  { what: "start", value: 803.4, unit: "ms" },
  { what: "lost", value: Number.NaN, unit: "ms", goal: { atMost: 5 }, measured: "no such program" },
  { what: "errors", value: 0, unit: "", goal: { atMost: 0 } },
];

describe("the table of figures", () => {
  it("holds each figure against its goal", () => {
    assert.deepEqual(rows.map(isMet), [false, true, undefined, false, true]);
  });

  it("has a line a row: what, to reach, measured, verdict, how", () => {
    const lines = renderTable(rows)
      .split("\n")
      .slice(2)
      .map((line) => line.trim().split(/ {2,}/));
    assert.deepEqual(lines, [
      ["rate", ">= 1.00", "0.71", "MISS", "koa 100, xcore 71"],
      ["cost", "<= 1.25", "1.20", "ok"],
      ["start", "803 ms"],
      ["lost", "<= 5 ms", "-", "MISS", "no such program"],
      ["errors", "<= 0", "0", "ok"],
    ]);
  });
});
