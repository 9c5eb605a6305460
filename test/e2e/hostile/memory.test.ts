// Plugins that take more memory than they may, in every shape: their host stays bounded, the reason is told, others are served.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openArena, type Arena } from "../../support/arena.ts";

const hoarders = [
  "array-hoarder",
  "string-hoarder",
  "map-hoarder",
  "json-hoarder",
  "closure-hoarder",
  "promise-bomb",
  "slow-hoarder",
  "length-bomb",
  "filler",
  "long-joiner",
  "doubler",
];

/** Answered with an error of their own: nothing has to end. */
const refused: Record<string, { status: number; code: string }> = {
  recursion: { status: 500, code: "PLUGIN_ERROR" },
  "buffer-hoarder": { status: 500, code: "PLUGIN_ERROR" },
  "huge-answer": { status: 502, code: "PLUGIN_BAD_RESPONSE" },
  "huge-header": { status: 502, code: "PLUGIN_BAD_RESPONSE" },
};

describe("memory beyond the limit", () => {
  let arena: Arena;
  before(async () => {
    arena = await openArena([...hoarders, ...Object.keys(refused), "huge-log", "endless-stream"]);
  });
  after(() => arena[Symbol.asyncDispose]());

  for (const name of hoarders) {
    test(`ends ${name} with PLUGIN_MEMORY_LIMIT`, async (t) => {
      const { end } = await arena.strike(t, name);
      const capBytes = 64 * 1024 ** 2;
      assert.partialDeepStrictEqual(end, { code: "PLUGIN_MEMORY_LIMIT", capBytes });
      assert.ok(Number(end["observedBytes"]) >= capBytes, "the observed size explains the end");
    });
  }

  for (const [name, expected] of Object.entries(refused)) {
    test(`of ${name} is its own failure with ${expected.code}`, async (t) => {
      await arena.load(name);
      await arena.observe(t, async () => {
        const answer = await arena.server.get(`/app/${name}/`);
        assert.partialDeepStrictEqual(await answer.json(), expected);
        assert.equal((await arena.server.get(`/app/${name}/alive`)).status, 200);
      });
      assert.partialDeepStrictEqual(await arena.status(name), { state: "ready", restarts: 0 });
    });
  }

  test("of huge-log is cut before it leaves the isolate", async (t) => {
    await arena.load("huge-log");
    await arena.observe(t, async () => {
      assert.equal(await (await arena.server.get("/app/huge-log/")).text(), "logged");
    });
    const line = arena.server.log.find(({ message }) => message.startsWith("xxxx"));
    assert.ok(JSON.stringify(line).length < 10_000);
  });

  test("of endless-stream ends the call or the plugin, never the server", async (t) => {
    await arena.load("endless-stream");
    await arena.observe(t, async () => {
      const answer = await arena.server.get("/app/endless-stream/");
      const { code } = (await answer.json()) as { code: string };
      t.diagnostic(code);
      assert.ok(["PLUGIN_ERROR", "PLUGIN_BAD_RESPONSE", "PLUGIN_MEMORY_LIMIT"].includes(code));
    });
  });
});
