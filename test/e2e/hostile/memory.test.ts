// Plugins that take more memory than they may, in every shape: their host stays bounded, the reason is told, others are served.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
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
  "stream-hoarder": { status: 500, code: "PLUGIN_ERROR" },
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
      let { end } = await arena.strike(t, name);
      // V8 sometimes crashes over such a program before anybody measures it. That ends it, too, and says nothing of its memory.
      for (let tries = 1; end["signal"] === "SIGSEGV" && tries < 4; tries += 1)
        ({ end } = await arena.strike(t, name));
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

  test("of endless-stream is cut off at its quota where it is read, and waits where it is not", async (t) => {
    await arena.load("endless-stream");
    const { address } = arena.server.core;
    await arena.observe(t, async () => {
      await assert.rejects((await arena.server.get("/app/endless-stream/")).arrayBuffer());
      const unread = await Promise.all(
        Array.from({ length: 40 }, (_, at) =>
          unreadAnswer(`${address}/app/endless-stream/${at % 10 === 0 ? "crumbs" : ""}`),
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal((await arena.server.get("/app/endless-stream/alive")).status, 200);
      for (const request of unread) request.destroy();
    });
    assert.partialDeepStrictEqual(await arena.status("endless-stream"), { state: "ready", restarts: 0 });
    const cut = arena.server.log.find(({ fields }) => fields["url"] === "/app/endless-stream/");
    assert.equal(cut?.fields["code"], "QUOTA_EXCEEDED");
  });

  test("of requests whose bodies nobody reads stays with their clients", async (t) => {
    await arena.load("endless-stream");
    const { address } = arena.server.core;
    await arena.observe(t, async () => {
      const headers = { "content-length": String(1024 ** 2) };
      const requests = Array.from({ length: 100 }, () => {
        const request = httpRequest(`${address}/app/endless-stream/unread`, {
          method: "POST",
          agent: false,
          headers,
        });
        request.on("error", () => undefined);
        request.write(Buffer.alloc(1024 ** 2 - 1));
        return request;
      });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      assert.equal((await arena.server.get("/app/endless-stream/alive")).status, 200);
      for (const request of requests) request.destroy();
    });
    assert.partialDeepStrictEqual(await arena.status("endless-stream"), { state: "ready", restarts: 0 });
  });
});

/** An answer of which nothing but the head is read. */
async function unreadAnswer(url: string): Promise<ClientRequest> {
  const request = httpRequest(url, { agent: false }).end();
  request.on("error", () => undefined);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.on("error", () => undefined);
  response.pause();
  return request;
}
