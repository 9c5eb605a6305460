import assert from "node:assert/strict";
import { test } from "node:test";
import { streamWindow } from "../../src/wire/protocol.ts";
import { Guest } from "./harness.ts";

const define = (routes: string): string =>
  `import { definePlugin } from "xcore/plugin";
   const encode = (text) => new TextEncoder().encode(text);
   const seen = globalThis.seen = [];
   export default definePlugin({ routes: { ${routes} } });`;

const limit = { timeout: 240_000 };

test("a stream that has all it gives at once goes out in one record", limit, async () => {
  using guest = await Guest.load(
    define(`"GET /": () => new Response(new ReadableStream({ start(c) {
      c.enqueue(encode("one ")); c.enqueue(encode("twö")); c.close(); } }), { headers: { a: "b" } })`),
  );
  const response = await guest.request("GET", "/");
  assert.equal(Buffer.from(response.body, "latin1").toString(), "one twö");
  assert.deepEqual(response.headers, ["a", "b"]);
});

test("a head goes at once, and chunks as they come", limit, async () => {
  using guest = await Guest.load(
    define(`"GET /": () => new Response(new ReadableStream({ start(c) { globalThis.controller = c; } })),
            "POST /": async (r) => { controller.enqueue(encode(await r.text())); },
            "DELETE /": () => { controller.close(); }`),
  );
  const exchange = guest.exchange("GET", "/");
  assert.equal(exchange.kinds, "head");
  await guest.request("POST", "/", { body: "first" });
  assert.equal(exchange.body.text, "first");
  await guest.request("POST", "/", { body: "second" });
  await guest.request("DELETE", "/");
  assert.equal(exchange.kinds, "head chunk chunk end");
  assert.equal(exchange.body.text, "firstsecond");
});

test("an async iterator and a TransformStream are bodies as well", limit, async () => {
  using guest = await Guest.load(
    define(`"GET /": () => {
      async function* lines() { for (const n of [1, 2, 3]) { await new Promise((r) => setTimeout(r, 2)); yield encode(n + "\\n"); } }
      const double = new TransformStream({ transform(chunk, c) { c.enqueue(chunk); c.enqueue(chunk); } });
      return new Response(ReadableStream.from(lines()).pipeThrough(double));
    }`),
  );
  const exchange = await guest.exchange("GET", "/").over();
  assert.equal(exchange.body.text, "1\n1\n2\n2\n3\n3\n");
  assert.match(exchange.kinds, /^head( chunk)+ end$/);
});

test("an endless stream is pulled as far as the window reaches, and on with each credit", limit, async () => {
  using guest = await Guest.load(
    define(`"GET /": () => new Response(new ReadableStream({
      pull(c) { seen.push(1); c.enqueue(new Uint8Array(1000).fill(97)); } }, { highWaterMark: 0 }))`),
  );
  const exchange = guest.exchange("GET", "/");
  guest.knock();
  assert.ok(exchange.body.cost <= streamWindow && exchange.body.cost > streamWindow - 1100);
  const pulls = Number(guest.evaluate("seen.length"));
  assert.ok(pulls <= 67, `${pulls} pulls`);
  guest.knock();
  assert.equal(guest.evaluate("seen.length"), pulls);
  guest.send({ kind: "credit", id: exchange.id, units: 10_000 });
  assert.ok(exchange.body.cost > streamWindow && exchange.body.cost <= streamWindow + 10_000);
});

test("a chunk larger than the window goes in pieces", limit, async () => {
  using guest = await Guest.load(
    define(`"GET /": () => new Response(new ReadableStream({
      start(c) { c.enqueue(new Uint8Array(200_000).map((_, at) => at)); c.close(); } }))`),
  );
  const exchange = guest.exchange("GET", "/");
  let credited = 0;
  while (!exchange.kinds.endsWith("end")) {
    const { cost } = exchange.body;
    guest.send({ kind: "credit", id: exchange.id, units: cost - credited });
    credited = cost;
  }
  const bytes = exchange.messages.flatMap((message) => (message.kind === "chunk" ? [message.text] : []));
  const expected = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, at) => at));
  assert.ok(Buffer.from(bytes.join(""), "latin1").equals(expected));
});

test(
  "the client's going cancels the stream, aborts the signal, and nothing more is said",
  limit,
  async () => {
    using guest = await Guest.load(
      define(`"GET /": (request, { signal }) => {
      signal.addEventListener("abort", () => seen.push("signal " + signal.reason.name));
      return new Response(new ReadableStream({ cancel(why) { seen.push("cancel " + why.name); } }));
    }`),
    );
    const exchange = guest.exchange("GET", "/");
    guest.send({ kind: "abort", id: exchange.id });
    guest.send({ kind: "credit", id: exchange.id, units: 5 });
    assert.deepEqual(guest.evaluate("seen.sort()"), ["cancel AbortError", "signal AbortError"]);
    assert.equal(exchange.kinds, "head");
  },
);

test(
  "an error in the midst ends the body with an error, one before the first byte is an ordinary failure",
  limit,
  async () => {
    using guest = await Guest.load(
      define(`"GET /late": () => new Response(ReadableStream.from((async function* () {
              yield encode("half"); await new Promise((r) => setTimeout(r, 2)); throw new RangeError("broken"); })())),
            "GET /early": () => new Response(ReadableStream.from((async function* () {
              throw Object.assign(new Error("no such thing"), { status: 404 }); })())),
            "GET /text": () => new Response(ReadableStream.from([{}]))`),
    );
    const late = await guest.exchange("GET", "/late").over();
    assert.equal(late.kinds, "head chunk error");
    const early = await guest.request("GET", "/early");
    assert.equal(early.status, 404);
    await assert.rejects(guest.request("GET", "/text"), /no bytes/);
  },
);

test("more streams than the outbox holds wait for room and lose nothing", limit, async () => {
  using guest = await Guest.load(
    define(`"GET /": () => new Response(new ReadableStream({ start(c) { seen.push(c); } }))`),
  );
  const exchanges = Array.from({ length: 300 }, () => guest.exchange("GET", "/"));
  guest.evaluate("for (const c of seen) { c.enqueue(new Uint8Array(60_000).fill(98)); c.close(); } 0");
  guest.knock();
  for (const exchange of exchanges) {
    await exchange.over();
    assert.equal(exchange.body.text.length, 60_000);
    assert.equal(exchange.messages.at(-1)?.kind, "end");
  }
});

test(
  "a streamed request is read as it comes, and credit is given back for what was read",
  limit,
  async () => {
    using guest = await Guest.load(
      define(`"POST /": async (request) => {
      let length = 0;
      for await (const chunk of request.body) { length += chunk.length; seen.push(chunk.length); }
      return { length };
    }`),
    );
    const exchange = guest.exchange("POST", "/", { streamed: true });
    const chunk = { kind: "chunk", id: exchange.id, encoding: "latin1", text: "ä".repeat(20_000) } as const;
    guest.send(chunk);
    assert.deepEqual(guest.evaluate("seen"), [20_000]);
    assert.equal(exchange.kinds, "credit");
    guest.send(chunk, { kind: "end", id: exchange.id });
    await exchange.over();
    const [response] = exchange.messages.filter(({ kind }) => kind === "response");
    assert.partialDeepStrictEqual(response, { response: { body: '{"length":40000}' } });
  },
);

test("a streamed request is collected by text, json, bytes and clone", limit, async () => {
  using guest = await Guest.load(
    define(`"POST /text": (r) => r.text(), "POST /json": (r) => r.json(), "POST /bytes": async (r) => [...await r.bytes()],
            "POST /clone": async (r) => [await r.clone().text(), await r.text()]`),
  );
  const send = async (path: string, ...texts: string[]): Promise<unknown> => {
    const exchange = guest.exchange("POST", path, { streamed: true });
    for (const text of texts) {
      const latin1 = Buffer.from(text).toString("latin1");
      guest.send({ kind: "chunk", id: exchange.id, encoding: "latin1", text: latin1 });
    }
    guest.send({ kind: "end", id: exchange.id });
    const last = (await exchange.over()).messages.at(-1);
    return last?.kind === "response" ? last.response.body : last;
  };
  assert.equal(await send("/text", "grüße ", "🎈"), "grüße 🎈");
  assert.equal(await send("/json", `{"a":`, `1}`), `{"a":1}`);
  assert.equal(await send("/bytes", "\u0001", "\u0002"), "[1,2]");
  assert.equal(await send("/clone", "one", "two"), `["onetwo","onetwo"]`);
});

test(
  "a body nobody reads gives no credit, one that is cancelled says so, and the answer ends both",
  limit,
  async () => {
    using guest = await Guest.load(
      define(`"POST /never": () => new Promise((resolve) => { globalThis.answer = resolve; }),
            "POST /cancel": async (r) => { await r.body.cancel(); return "thanks"; }`),
    );
    const never = guest.exchange("POST", "/never", { streamed: true });
    const text = "x".repeat(30_000);
    guest.send({ kind: "chunk", id: never.id, encoding: "latin1", text });
    guest.send({ kind: "chunk", id: never.id, encoding: "latin1", text });
    assert.equal(never.kinds, "");
    guest.evaluate("answer('done')");
    guest.knock();
    assert.equal(never.kinds, "response");
    guest.send(
      { kind: "chunk", id: never.id, encoding: "latin1", text: "late" },
      { kind: "end", id: never.id },
    );
    assert.equal(
      (await guest.exchange("POST", "/cancel", { streamed: true }).over()).kinds,
      "unread response",
    );
  },
);

test("a body that breaks off rejects whoever reads it", limit, async () => {
  using guest = await Guest.load(
    define(`"POST /": async (r) => { try { await r.text(); } catch (error) { seen.push(error.name); } }`),
  );
  const exchange = guest.exchange("POST", "/", { streamed: true });
  guest.send({ kind: "chunk", id: exchange.id, encoding: "latin1", text: "half" });
  guest.send({ kind: "abort", id: exchange.id });
  assert.deepEqual(guest.evaluate("seen"), ["AbortError"]);
  assert.equal(exchange.kinds, "");
});

test("a request's body is passed on as the answer without being held", limit, async () => {
  using guest = await Guest.load(define(`"POST /": (request) => new Response(request.body)`));
  const exchange = guest.exchange("POST", "/", { streamed: true });
  guest.send({ kind: "chunk", id: exchange.id, encoding: "latin1", text: "ping" });
  assert.equal(exchange.body.text, "ping");
  guest.send({ kind: "end", id: exchange.id });
  await exchange.over();
  assert.equal(exchange.messages.at(-1)?.kind, "end");
});

test("Hono's stream and streamSSE run unchanged", limit, async () => {
  using guest = await Guest.load(`
    import { Hono } from "hono";
    import { stream, streamSSE } from "hono/streaming";
    import { definePlugin } from "xcore/plugin";
    const app = new Hono();
    app.get("/stream", (c) => stream(c, async (s) => { await s.write("a"); await s.sleep(2); await s.write("b"); }));
    app.get("/events", (c) => streamSSE(c, async (s) => {
      for (let id = 0; id < 3; id += 1) { await s.writeSSE({ data: "tick", id: String(id) }); await s.sleep(2); }
    }));
    export default definePlugin({ fetch: app.fetch });`);
  assert.equal((await guest.exchange("GET", "/stream").over()).body.text, "ab");
  const events = await guest.exchange("GET", "/events").over();
  assert.equal(events.body.text, [0, 1, 2].map((id) => `data: tick\nid: ${id}\n\n`).join(""));
  const [head] = events.messages;
  assert.ok(head?.kind === "head" && head.headers.includes("text/event-stream"));
});
