import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { chunkCost, maxChunkLength, streamWindow } from "../../src/wire/protocol.ts";
import { until } from "../support/services.ts";
import { Guest, type Exchange } from "./harness.ts";

const define = (open: string, routes = ""): string =>
  `import { definePlugin } from "xcore/plugin";
   const seen = globalThis.seen = [];
   export default definePlugin({ routes: { "GET /": (request, ctx) => {
     const [client, server] = Object.values(new WebSocketPair());
     ${open}
     return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": "chat" } });
   }, ${routes} } });`;

const echo = `server.accept();
  server.addEventListener("message", ({ data }) => server.send(data));
  server.addEventListener("close", ({ code, reason, wasClean }) => seen.push([code, reason, wasClean]));`;

const hear = (guest: Guest, { id }: Exchange, text: string, encoding: "utf8" | "latin1" = "utf8"): void =>
  guest.send({ kind: "message", id, encoding, last: true, text });

/** The messages it has sent, pieces put together. */
function said(exchange: Exchange): string[] {
  const messages: string[] = [];
  let partial = "";
  for (const message of exchange.messages) {
    if (message.kind !== "message") continue;
    partial += message.text;
    if (message.last) messages.push(partial);
    if (message.last) partial = "";
  }
  return messages;
}

suite("a socket", () => {
  test("is accepted with its headers, hears and answers texts and bytes, also empty ones", async () => {
    using guest = await Guest.load(define(echo));
    const exchange = guest.exchange("GET", "/");
    const [accept] = exchange.messages;
    assert.deepEqual(accept, { kind: "accept", id: 1, headers: ["sec-websocket-protocol", "chat"] });
    hear(guest, exchange, "grüße 🎈");
    hear(guest, exchange, "\u0000\u00ff", "latin1");
    hear(guest, exchange, "");
    assert.deepEqual(exchange.messages.slice(1), [
      { kind: "message", id: 1, encoding: "utf8", last: true, text: "grüße 🎈" },
      { kind: "message", id: 1, encoding: "latin1", last: true, text: "\u0000\u00ff" },
      { kind: "message", id: 1, encoding: "utf8", last: true, text: "" },
    ]);
  });

  test("puts pieces together, gives credit for them, and sends large messages in pieces as it is given credit", async () => {
    using guest = await Guest.load(define(echo));
    const exchange = guest.exchange("GET", "/");
    const { id } = exchange;
    const piece = "🎈".repeat(maxChunkLength / 2);
    for (let at = 0; at < 4; at += 1)
      guest.send({ kind: "message", id, encoding: "utf8", last: at === 3, text: piece });
    const credits = exchange.messages.flatMap((message) =>
      message.kind === "credit" ? [message.units] : [],
    );
    assert.equal(
      credits.reduce((sum, units) => sum + units, 0),
      4 * chunkCost(maxChunkLength),
    );
    let credited = 0;
    for (let round = 0; round < 10 && said(exchange).length === 0; round += 1) {
      const pieces = exchange.messages.flatMap((message) => (message.kind === "message" ? [message] : []));
      const cost = pieces.reduce((sum, { text }) => sum + chunkCost(text.length), 0);
      assert.ok(cost - credited <= streamWindow);
      assert.ok(pieces.every(({ text }) => text.isWellFormed()));
      guest.send({ kind: "credit", id, units: cost - credited });
      credited = cost;
    }
    assert.deepEqual(said(exchange), [piece.repeat(4)]);
  });

  test("is closed by the plugin with code and reason behind what was said before", async () => {
    using guest = await Guest.load(
      define(`server.accept(); server.send("bye"); server.close(4001, "enough"); server.send("never");
        server.onclose = ({ code, wasClean }) => seen.push(code, wasClean, server.readyState);`),
    );
    const exchange = guest.exchange("GET", "/");
    assert.equal(exchange.kinds, "accept message close");
    assert.deepEqual(exchange.messages.at(-1), { kind: "close", id: 1, code: 4001, reason: "enough" });
    assert.deepEqual(guest.evaluate("seen"), [4001, true, 3]);
  });

  test("tells the plugin when its client closes or is lost; what it then does of itself still works", async () => {
    for (const [code, reason, wasClean] of [[1000, "done", true] as const, [1006, "", false] as const]) {
      using guest = await Guest.load(
        define(`server.accept(); server.onerror = () => seen.push("error");
          ctx.signal.addEventListener("abort", () => seen.push("aborted"));
          server.onclose = async (event) => { seen.push([event.code, event.reason, event.wasClean]); await ctx.cache.set("a", 1); seen.push("kept"); };`),
        { permissions: ["cache"], host: () => null },
      );
      const exchange = guest.exchange("GET", "/");
      guest.send({ kind: "close", id: exchange.id, code, reason });
      const expected = ["aborted", ...(wasClean ? [] : ["error"]), [code, reason, wasClean]];
      assert.deepEqual((guest.evaluate("seen") as unknown[]).slice(0, expected.length), expected);
      await until(() => (guest.evaluate("seen") as unknown[]).at(-1) === "kept");
      assert.equal(guest.hostCalls[0]?.call, 0);
      assert.equal(exchange.kinds, "accept");
    }
  });

  test("hears nothing before it is accepted, and everything then", async () => {
    using guest = await Guest.load(
      define(
        `globalThis.server = server; server.onmessage = ({ data }) => seen.push(data);`,
        `"POST /": () => { server.accept(); }`,
      ),
    );
    const exchange = guest.exchange("GET", "/");
    hear(guest, exchange, "one");
    hear(guest, exchange, "two");
    assert.deepEqual(guest.evaluate("seen"), []);
    await guest.request("POST", "/");
    assert.deepEqual(guest.evaluate("seen"), ["one", "two"]);
  });

  test("whose client reads too slowly is let go before its plugin runs out of memory", async () => {
    using guest = await Guest.load(
      define(`server.accept(); server.onclose = ({ code }) => seen.push(code);
        for (let at = 0; at < 500; at += 1) server.send("x".repeat(10_000));`),
    );
    const exchange = guest.exchange("GET", "/");
    assert.deepEqual(guest.evaluate("seen"), [1008]);
    assert.equal(exchange.kinds, "accept close");
  });

  test("refuses what the web refuses", async () => {
    using guest = await Guest.load(
      define(
        "server.accept();",
        `"GET /refused": () => {
          const errors = [];
          const attempt = (run) => { try { run(); errors.push("none"); } catch (error) { errors.push(error.name); } };
          const pair = new WebSocketPair();
          attempt(() => pair[1].send("x")); pair[1].accept();
          attempt(() => pair[1].close(1006)); attempt(() => pair[1].close(1000, "ü".repeat(70)));
          attempt(() => new Response(null, { status: 101 })); attempt(() => new Response(null, { status: 101, webSocket: pair[1] }));
          attempt(() => new Response(null, { status: 200, webSocket: pair[0] })); attempt(() => new (pair[0].constructor)());
          return errors;
        }`,
      ),
    );
    const { body } = await guest.request("GET", "/refused");
    assert.deepEqual(JSON.parse(body), [
      "InvalidStateError",
      "InvalidAccessError",
      "SyntaxError",
      "RangeError",
      "TypeError",
      "TypeError",
      "TypeError",
    ]);
  });

  test("that is answered with twice fails the second call", async () => {
    using guest = await Guest.load(
      `import { definePlugin } from "xcore/plugin"; const pair = new WebSocketPair(); pair[1].accept();
       export default definePlugin({ routes: { "GET /": () => new Response(null, { status: 101, webSocket: pair[0] }) } });`,
    );
    assert.equal(guest.exchange("GET", "/").kinds, "accept");
    assert.equal(guest.exchange("GET", "/").kinds, "error");
  });

  test("of Hono's adapter for workers runs unchanged", async () => {
    using guest = await Guest.load(`
      import { Hono } from "hono";
      import { upgradeWebSocket } from "hono/cloudflare-workers";
      import { definePlugin } from "xcore/plugin";
      const app = new Hono();
      app.get("/", upgradeWebSocket(() => ({ onMessage: (event, socket) => socket.send("heard " + event.data), onClose: () => console.log("closed") })));
      export default definePlugin({ fetch: app.fetch });`);
    const { send } = { send: guest.send.bind(guest) };
    const url = "http://server.test/";
    const request = {
      method: "GET",
      url,
      headers: ["upgrade", "websocket"],
      body: "",
      encoding: "utf8",
    } as const;
    const exchange = guest.adopt(77);
    send({ kind: "request", id: 77, timeoutMs: 1000, request });
    await exchange.until(({ kinds }) => kinds === "accept");
    hear(guest, exchange, "you");
    assert.deepEqual(said(exchange), ["heard you"]);
    send({ kind: "close", id: 77, code: 1000, reason: "" });
    assert.equal(guest.logs.at(-1)?.message, "closed");
  });
});
