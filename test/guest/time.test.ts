// Timers, microtasks, aborting.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Guest, type GuestFailure } from "./harness.ts";

const define = (body: string, before = ""): string => `
  import { definePlugin } from "xcore/plugin";
  ${before}
  export default definePlugin({ ${body} });`;

suite("timers", () => {
  test("fire in order of their time, and tell the host when to knock", async () => {
    using guest = await Guest.load(
      define(`routes: { "GET /": async () => {
        const order = [];
        const wait = (ms) => new Promise((resolve) => setTimeout((mark) => { order.push(mark); resolve(); }, ms, ms));
        const never = setTimeout(() => order.push("never"), 3);
        clearTimeout(never);
        clearTimeout(undefined);
        queueMicrotask(() => order.push("microtask"));
        await Promise.all([wait(30), wait(10), wait(20)]);
        return order;
      } }`),
    );
    assert.equal(guest.wake, undefined);
    const { answer } = guest.begin("GET", "/");
    assert.ok(guest.wake !== undefined && guest.wake <= 10);
    assert.equal((await answer).body, '["microtask",10,20,30]');
    assert.equal(guest.wake, undefined);
  });

  test("repeat until cleared, and never spin", async () => {
    using guest = await Guest.load(
      define(`routes: { "GET /": () => new Promise((resolve) => {
        let count = 0;
        const began = performance.now();
        const id = setInterval(() => { count += 1; if (count === 3) { clearInterval(id); resolve([count, performance.now() - began >= 3]); } }, 0);
      }) }`),
    );
    const { answer } = guest.begin("GET", "/");
    assert.notEqual(guest.wake, undefined);
    assert.equal((await answer).body, "[3,true]");
    assert.equal(guest.wake, undefined);
  });

  test("that throw are logged, and the others fire", async () => {
    using guest = await Guest.load(
      define(`routes: { "GET /": () => new Promise((resolve) => {
        setTimeout(() => { throw new TypeError("in a timer"); }, 1);
        queueMicrotask(() => { throw new Error("in a microtask"); });
        setTimeout(resolve, 2, "ok");
      }) }`),
    );
    assert.equal((await guest.request("GET", "/")).body, "ok");
    assert.deepEqual(
      guest.logs.map(({ level, message }) => [level, message]),
      [
        ["error", "uncaught in a microtask: in a microtask"],
        ["error", "uncaught in a timer: in a timer"],
      ],
    );
  });

  test("are forgotten in great numbers when cleared", async () => {
    using guest = await Guest.load(define(""));
    const heap = guest.evaluate(
      `for (let i = 0; i < 200_000; i++) clearTimeout(setTimeout(() => undefined, 1e6)); 1`,
    );
    assert.equal(heap, 1);
    guest.knock();
    assert.equal(guest.wake, undefined);
    guest.evaluate(
      `for (let i = 0; i < 1000; i++) setTimeout(() => { globalThis.fired = (globalThis.fired ?? 0) + 1; }, (i * 7919) % 20)`,
    );
    guest.knock();
    while (guest.evaluate("globalThis.fired") !== 1000)
      await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(guest.wake, undefined);
  });

  test("take functions only", async () => {
    using guest = await Guest.load(define(""));
    assert.throws(() => guest.evaluate(`setTimeout("code", 1)`), /expected a function, got string/);
  });
});

suite("aborting a call", () => {
  test("fires its signal, ends its host calls, and sends no answer", async () => {
    using guest = await Guest.load(
      define(
        `routes: { "GET /": async (request, ctx) => {
          ctx.signal.addEventListener("abort", () => globalThis.seen.push(ctx.signal.reason.name));
          globalThis.same = ctx.signal === request.signal;
          try { await ctx.db.sql\`select pg_sleep(100)\`; }
          catch (error) { globalThis.seen.push(error.code); }
          try { await ctx.db.sql\`select 2\`; }
          catch (error) { globalThis.seen.push("again " + error.code); }
          return "late";
        } }`,
        "globalThis.seen = [];",
      ),
      { permissions: ["database"] },
    );
    const { id } = guest.begin("GET", "/");
    assert.equal(guest.hostCalls.length, 1);
    guest.send({ kind: "abort", id });
    assert.deepEqual(guest.evaluate("seen"), ["AbortError", "CALL_CANCELLED", "again CALL_CANCELLED"]);
    assert.equal(guest.evaluate("same"), true);
    assert.equal(guest.hostCalls.length, 1);
    assert.deepEqual(guest.late, []);
    guest.send({ kind: "reply", id: guest.hostCalls[0]?.id ?? 0, json: '{"rows":[],"rowCount":0}' });
    assert.deepEqual(guest.late, []);
  });

  test("leaves other calls alone, also one that waits for the same cached value", async () => {
    using guest = await Guest.load(
      define(`routes: { "GET /": async (_, { cache }) => cache.getOrSet("k", () => "made") }`),
      { permissions: ["cache"] },
    );
    const first = guest.begin("GET", "/");
    const second = guest.begin("GET", "/");
    assert.equal(guest.hostCalls.length, 1);
    guest.send({ kind: "abort", id: first.id });
    assert.deepEqual(
      guest.hostCalls.map(({ name, call }) => [name, call]),
      [
        ["cache.get", 1],
        ["cache.get", 2],
      ],
    );
    guest.send({ kind: "reply", id: 2, json: '{"hit":true,"value":"kept"}' });
    assert.equal((await second.answer).body, "kept");
  });

  test("work that outlives its call goes on as the plugin's own", async () => {
    using guest = await Guest.load(
      define(
        `routes: { "GET /": (_, { db }) => { setTimeout(() => db.sql\`select 1\`, 1); return "done"; } }`,
      ),
      { permissions: ["database"] },
    );
    assert.equal((await guest.request("GET", "/")).body, "done");
    while (guest.hostCalls.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    assert.equal(guest.hostCalls[0]?.call, 0);
  });

  test("a fetch is cancelled by its own signal", async () => {
    using guest = await Guest.load(
      define(`actions: { go: { run: async (_, ctx) => {
        const signal = AbortSignal.any([AbortSignal.timeout(5), new AbortController().signal]);
        try { await ctx.fetch("https://a.test", { signal }); } catch (error) { return [error.name, error instanceof DOMException]; }
      } } }`),
      { permissions: ["fetch"] },
    );
    assert.deepEqual(await guest.call("action", "go", null), ["TimeoutError", true]);
    assert.deepEqual(guest.cancels, [1]);
  });

  test("an AbortController works as on the web", async () => {
    using guest = await Guest.load(define(""));
    const seen = guest.evaluate(`(() => {
      const seen = [];
      const controller = new AbortController();
      const { signal } = controller;
      signal.onabort = () => seen.push("onabort");
      signal.addEventListener("abort", (event) => seen.push(event.type, event.target === signal), { once: true });
      signal.addEventListener("abort", { handleEvent: () => { throw new Error("listener"); } });
      const followed = AbortSignal.any([signal]);
      followed.addEventListener("abort", () => seen.push("followed"));
      controller.abort("why");
      controller.abort("again");
      try { signal.throwIfAborted(); } catch (reason) { seen.push(reason); }
      try { new AbortSignal(); } catch (error) { seen.push(error.name); }
      return [...seen, AbortSignal.abort().reason.name, followed.reason];
    })()`);
    assert.deepEqual(seen, ["onabort", "abort", true, "followed", "why", "TypeError", "AbortError", "why"]);
    guest.knock();
    assert.match(guest.logs[0]?.message ?? "", /listener/);
  });
});

suite("a handler that fails after its answer", () => {
  test("does not answer twice", async () => {
    using guest = await Guest.load(
      define(
        `routes: { "GET /": () => new Response(new ReadableStream({ start(c) { c.error(new Error("broken stream")); } })) }`,
      ),
    );
    await assert.rejects(guest.request("GET", "/"), (error: GuestFailure) =>
      /broken stream/.test(error.message),
    );
    assert.deepEqual(guest.late, []);
  });
});
