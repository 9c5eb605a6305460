// The status report on a terminal of any width.
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import { statusLines, type OutputStream } from "../../../src/cli/render/status.ts";
import { pluginStatus, statusReport } from "../support/report.ts";

function outputOf(columns: number): OutputStream {
  return Object.assign(new Writable(), { columns });
}

const wide = statusReport({
  healthy: false,
  problems: [`plugin mailer failed: ${"a reason that goes on and on ".repeat(5)}`, "x".repeat(200)],
  services: [
    {
      name: "a-service-of-our-own-making",
      driver: "module",
      ok: false,
      latencyMs: 1234.5,
      detail: "x\ny\u001B[31m".repeat(30),
    },
  ],
  plugins: [
    pluginStatus({
      name: "a-plugin-with-forty-characters-in-its-na",
      version: "12.10.33-beta.4",
      state: "quarantined",
      heapBytes: 1000 * 1024 ** 2,
      heapLimitBytes: 1024 * 1024 ** 2,
      cpu: 1,
      requestsPerMinute: 1_234_567,
      p95Ms: 30_123,
      errors: 98_765,
      restarts: 1234,
      uptimeMs: 99 * 86_400_000 + 82_800_000,
    }),
  ],
});

describe("the status report", () => {
  it("never is wider than 80 columns, whatever it has to say", () => {
    for (const line of statusLines(wide, outputOf(80))) assert.ok([...line].length <= 80, line);
  });

  it("says how many of several isolates answer", () => {
    const several = pluginStatus({ isolates: { living: 1, wanted: 2 } });
    const lines = statusLines(statusReport({ plugins: [several, pluginStatus()] }), outputOf(80));
    assert.equal(lines.filter((line) => /^notes .* ready 1\/2 /.test(line)).length, 1);
  });

  it("says which plugin went back by itself, and why", () => {
    const wentBack = { version: "1.1.0", reason: "it crashed\u001B[31m", at: "2026-01-01T00:00:00Z" };
    const report = statusReport({ plugins: [pluginStatus({ wentBack })] });
    const lines = statusLines(report, outputOf(80));
    assert.ok(lines.some((line) => line.startsWith("notes went back from 1.1.0 to 1.0.0: it crashed")));
    assert.ok(!lines.some((line) => line.includes("\u001B[31m")));
  });

  it("uses the room of a wide terminal for names", () => {
    const text = statusLines(wide, outputOf(160)).join("\n");
    assert.ok(text.includes("a-plugin-with-forty-characters-in-its-na"));
  });

  it("aligns its columns", () => {
    const lines = statusLines(statusReport(), outputOf(80));
    const heading = lines.find((line) => line.startsWith("PLUGIN")) ?? "";
    const row = lines.find((line) => line.startsWith("notes")) ?? "";
    assert.equal(row.indexOf("ready"), heading.indexOf("STATE"));
    assert.equal(row.indexOf("12/64M") + "12/64M".length, heading.indexOf("HEAP") + "HEAP".length);
  });

  it("keeps control characters and line breaks of others out of the terminal", () => {
    const text = statusLines(wide, outputOf(80)).join("");
    assert.ok(!/\p{Cc}/u.test(text));
  });

  it("keeps the columns of a frame of code", () => {
    const problem =
      "plugin notes keeps serving revision 1: no\n  index.ts:1:5: bad\n    1 | ab c\n      |    ^";
    const lines = statusLines(statusReport({ problems: [problem] }), outputOf(80));
    assert.deepEqual(lines.slice(-4), [
      "  - plugin notes keeps serving revision 1: no",
      "      index.ts:1:5: bad",
      "        1 | ab c",
      "          |    ^",
    ]);
  });

  it("says what to do when there is no plugin", () => {
    const text = statusLines(statusReport({ plugins: [] }), outputOf(80)).join("\n");
    assert.match(text, /No plugins\. Make one with: xcore plugin new/);
  });
});
