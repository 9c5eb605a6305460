// Builtins of V8 that can't be interrupted: their host is ended from outside, with a reason that names who was in it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openArena, type Arena } from "../../support/arena.ts";

// Some of them V8 does interrupt, in some versions: what counts is that they end, and why.
const names = [
  "far-searcher",
  "far-indexer",
  "multiplier",
  "sorter",
  "text-searcher",
  "regex-bomb",
  "joiner",
  "date-parser",
];

describe("a builtin that takes too long", () => {
  let arena: Arena;
  before(async () => {
    arena = await openArena(names);
  });
  after(() => arena[Symbol.asyncDispose]());

  for (const name of names) {
    test(`in ${name} is ended with PLUGIN_CPU_LIMIT`, async (t) => {
      const { end, status } = await arena.strike(t, name);
      assert.partialDeepStrictEqual(end, { code: "PLUGIN_CPU_LIMIT", capMs: 200 });
      assert.ok(Number(end["observedMs"]) >= 200, "the observed time explains the end");
      assert.ok([503, 504].includes(status), String(status));
    });
  }
});
