// What is newer and what it brings, as lines; much of it was written by strangers.
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { describe, it } from "node:test";
import { diffLines, outdatedLines, updatedLines } from "../../../src/cli/render/updates.ts";
import { errorData, XcoreError } from "../../../src/core/base/error.ts";
import type { OutdatedEntry, PluginDiff, Updated } from "../../../src/core/index.ts";

const evil = "\u001B[2J\u001B]0;pwned\u0007\nsecond line";
const stream = Object.assign(new Writable(), { columns: 80 });

const entry: OutdatedEntry = {
  name: "notes",
  version: "1.0.0",
  current: "v1.0.0",
  wanted: "v1.1.0",
  latest: "v2.0.0",
  follows: "tags",
  pinned: false,
  wentBack: null,
  fault: null,
};

const diff: PluginDiff = {
  name: "notes",
  from: "1.0.0",
  to: "1.1.0",
  origin: "https://example.com/notes",
  descends: true,
  commits: [
    { id: "0123456789abcdef0123456789abcdef01234567", at: "2026-01-01", author: evil, subject: evil },
  ],
  files: [`added ${evil}`],
  permissions: { widened: [{ allow: "cache", words: "keep entries" }], narrowed: [] },
  migrations: { added: [{ name: "0002_two", undoable: false }], changed: ["0001_one"] },
  broken: [{ plugin: "reader", reasons: ["it needs ^1.0.0"] }],
  fault: null,
};

describe("what is newer", () => {
  it("is a table that says what is pinned, what went back and what can't be asked", () => {
    const wentBack = { version: "1.1.0", integrity: "", reason: "it crashed", at: "" };
    const fault = errorData(new XcoreError("SOURCE_UNREACHABLE", `gone ${evil}`));
    const lines = outdatedLines(
      [
        entry,
        { ...entry, name: "old", pinned: true, wentBack },
        { ...entry, name: "gone", wanted: null, latest: null, fault },
      ],
      stream,
    );
    assert.match(lines[1] ?? "", /^notes +v1\.0\.0 +v1\.1\.0 +v2\.0\.0/);
    assert.match(lines[2] ?? "", /pinned, 1\.1\.0 went/);
    assert.match(lines.at(-1) ?? "", /^gone: gone .*\(SOURCE_UNREACHABLE\)/);
    assert.deepEqual(outdatedLines([], stream), ["Everything is as new as it can be."]);
  });

  it("is told apart: what widens, what can't be undone, what breaks", () => {
    const text = diffLines(diff).join("\n");
    assert.match(text, /It also wants to\n {2}- keep entries/);
    assert.match(text, /Migrations that may have been applied\n {2}- 0001_one was changed or is gone/);
    assert.match(text, /New migrations\n {2}- 0002_two \(can't be undone\)/);
    assert.match(text, /Breaks\n {2}- reader: it needs \^1\.0\.0/);
    assert.match(
      diffLines({ ...diff, descends: false }).join("\n"),
      /Careful\n {2}- its history was rewritten/,
    );
  });

  it("keeps escapes and line breaks of others out of the terminal", () => {
    const { name, from, to, commits, permissions, broken } = diff;
    const updated: Updated = {
      name,
      from,
      to,
      origin: evil,
      commits,
      permissions,
      broken,
      mounted: true,
      migrations: [],
      final: ["0002_two"],
    };
    for (const line of [...diffLines({ ...diff, origin: evil }), ...updatedLines(updated)])
      assert.ok(!/\p{Cc}/u.test(line), JSON.stringify(line));
  });

  it("is cut where it goes on and on", () => {
    const files = Array.from({ length: 1000 }, (_, at) => `added file-${at}`);
    const lines = diffLines({ ...diff, files });
    assert.equal(lines.at(-1), "  … and 960 more");
  });
});
