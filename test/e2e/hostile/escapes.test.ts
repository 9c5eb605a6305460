// Ways out of an isolate that were open somewhere, once: none leads anywhere.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openArena, type Arena } from "../../support/arena.ts";

describe("a plugin that looks for a way out", () => {
  let arena: Arena;
  before(async () => {
    arena = await openArena(["escape-artist"]);
    await arena.load("escape-artist");
  });
  after(() => arena[Symbol.asyncDispose]());

  test("finds nothing that is not its own", async (t) => {
    const found = await arena.observe(t, async () => {
      const answer = await arena.server.get("/app/escape-artist/");
      return (await answer.json()) as Record<string, string>;
    });
    t.diagnostic(JSON.stringify(found));
    assert.ok(Object.keys(found).length > 30);
    assert.deepEqual(
      Object.entries(found).filter(([, result]) => result.startsWith("REACHED")),
      [],
    );
    assert.partialDeepStrictEqual(await arena.status("escape-artist"), { state: "ready", restarts: 0 });
  });
});
