// Plugins that lie about what they give, throw and say: nobody but they themselves can be fooled.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { openArena, type Arena } from "../../support/arena.ts";
import { until } from "../../support/workspace.ts";

const names = [
  "thrown-getter",
  "prototype-polluter",
  "forger",
  "late-answerer",
  "thenable",
  "intrinsics-thief",
  "wrong-shapes",
  "log-forger",
];

describe("a lie", () => {
  let arena: Arena;
  before(async () => {
    arena = await openArena(names);
  });
  after(() => arena[Symbol.asyncDispose]());

  const ask = async (path: string): Promise<{ status: number; text: string; headers: Headers }> => {
    const answer = await arena.server.get(`/app/${path}`);
    return { status: answer.status, text: await answer.text(), headers: answer.headers };
  };

  test("in what is thrown is a failure of that call alone", async (t) => {
    await arena.load("thrown-getter");
    await arena.observe(t, async () => {
      for (const what of ["getters", "revoked", "bare", "symbol", "status", "undefined"]) {
        const { status, text } = await ask(`thrown-getter/?what=${what}`);
        assert.partialDeepStrictEqual(
          { status, body: JSON.parse(text) as unknown },
          {
            status: 500,
            body: { code: "PLUGIN_ERROR" },
          },
        );
      }
    });
    assert.partialDeepStrictEqual(await arena.status("thrown-getter"), {
      state: "ready",
      restarts: 0,
      reason: null,
    });
  });

  test("on the prototypes of everything stays in its isolate", async (t) => {
    await arena.load("prototype-polluter");
    await arena.observe(t, async () => {
      await ask("prototype-polluter/");
      await ask("prototype-polluter/alive");
    });
    for (const name of ["admin", "status", "plugin", "level", "killedHost"]) {
      assert.equal(({} as Record<string, unknown>)[name], undefined);
    }
    const status = await arena.status("prototype-polluter");
    assert.equal("admin" in status, false);
  });

  test("in records is taken as text: each caller has its own answer", async (t) => {
    await arena.load("forger");
    await arena.observe(t, async () => {
      const asked = Array.from({ length: 100 }, (_, at) => ask(`forger/echo/caller-${at}`));
      for (const [at, { status, text }] of (await Promise.all(asked)).entries()) {
        assert.equal(status, 200);
        assert.equal(text, `caller-${at}\n7:V1\n666,7:V2\n666`);
      }
      assert.equal((await ask("forger/headers")).text, "\n7:V1\n666,7:V2\n666");
      assert.equal((await ask("forger/runtime")).text, "__xcore_plugin");
    });
    assert.partialDeepStrictEqual(await arena.status("forger"), { state: "ready", restarts: 0 });
  });

  test("about the time reaches nobody: what comes after the deadline is dropped", async (t) => {
    await arena.load("late-answerer");
    await arena.observe(t, async () => {
      const late = Array.from({ length: 20 }, (_, at) => ask(`late-answerer/late/${at}`));
      const alive: string[] = [];
      for (let at = 0; at < 60; at += 1) {
        const { status, text } = await ask("late-answerer/alive");
        // Its limit is short: on a machine that stands still this may be late, too.
        if (status !== 504) alive.push(text);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.deepEqual([...new Set(alive)], ["alive"]);
      for (const { status } of await Promise.all(late)) assert.equal(status, 504);
    });
  });

  test("about being a promise settles a call once", async (t) => {
    await arena.load("thenable");
    await arena.observe(t, async () => {
      assert.equal((await ask("thenable/?what=twice")).text, "first");
      assert.equal((await ask("thenable/?what=chain")).text, "bottom");
      const { status, text } = await ask("thenable/?what=getter");
      assert.ok(status === 500 || text === "read once", `${status} ${text}`);
      assert.equal((await ask("thenable/alive")).text, "alive");
    });
  });

  test("by stolen built-in objects breaks the thief at most", async (t) => {
    await arena.load("intrinsics-thief");
    await arena.observe(t, async () => {
      await ask("intrinsics-thief/");
      const { status } = await ask("intrinsics-thief/alive");
      t.diagnostic(`the thief answers ${status} afterwards`);
    });
    await arena.load("intrinsics-thief");
    assert.equal((await ask("intrinsics-thief/alive")).text, "alive");
  });

  test("about the shape of an answer fails that call alone", async (t) => {
    await arena.load("wrong-shapes");
    const shapes =
      "symbol function bigint circular status huge informational split name error bytes proxy fake stream toJSON";
    await arena.observe(t, async () => {
      const seen: Record<string, string> = {};
      for (const shape of shapes.split(" ")) {
        const { status, text } = await ask(`wrong-shapes/shape/${shape}`);
        seen[shape] = `${status} ${status < 500 ? text : (JSON.parse(text) as { code: string }).code}`;
      }
      t.diagnostic(JSON.stringify(seen));
      for (const [shape, answer] of Object.entries(seen)) {
        // What only looks like a Response is an object like any other.
        const expected = /^(proxy|fake)$/.test(shape)
          ? /^200 \{\}$|^50[02] PLUGIN_/
          : /^50[02] PLUGIN_(ERROR|BAD_RESPONSE)$/;
        assert.match(answer, expected, shape);
      }
    });
    assert.partialDeepStrictEqual(await arena.status("wrong-shapes"), { state: "ready", restarts: 0 });
  });

  test("about lengths and connections does not reach the client: framing is the server's", async () => {
    const { port } = new URL(arena.server.core.address);
    const socket = connect(Number(port), "127.0.0.1");
    await once(socket, "connect");
    socket.write(
      "GET /app/wrong-shapes/smuggle HTTP/1.1\r\nHost: x\r\n\r\nGET /app/good/square/3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    const [first = "", second = ""] = text.split(/(?<=short)(?=HTTP)/);
    assert.match(first, /content-length: 5\r\n/i);
    assert.doesNotMatch(first, /9999|chunked|h2c|forged|timeout=999|upgrade/i);
    assert.match(second, /\{"square":9\}$/);
  });

  test("in a log line stays in that line, under the name of who wrote it", async () => {
    await arena.load("log-forger");
    const from = arena.server.log.length;
    await ask("log-forger/");
    await ask("log-forger/fail");
    const lines = await until(
      () => arena.server.log.slice(from).filter(({ fields }) => fields["plugin"] === "log-forger"),
      (seen) => seen.length >= 5,
    );
    const controls = /\p{Cc}|[\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
    for (const line of lines) {
      assert.doesNotMatch(line.message, controls);
      assert.ok(["info", "warn", "error"].includes(line.level));
    }
    const shadow = lines.find(({ message }) => message === "shadow");
    const written = JSON.parse(JSON.stringify(shadow?.fields)) as object;
    assert.deepEqual(Object.keys(written).sort(), ["guest", "plugin"]);
    const guest = shadow?.fields["guest"] as Record<string, unknown>;
    assert.equal(Object.hasOwn(guest, "__proto__"), false);
    assert.equal(guest["inherited"], undefined);
    const keys = JSON.stringify(Object.keys(guest).concat(Object.keys(guest["nested"] as object)));
    assert.doesNotMatch(keys, /\\n|\\u001b/, "names of fields are text too");
    const failed = lines.find(({ fields }) => fields["status"] === 500);
    assert.equal(failed?.fields["code"], "PLUGIN_ERROR");
    assert.doesNotMatch(String(failed?.fields["stack"]).replaceAll("\n", ""), controls);
  });
});
