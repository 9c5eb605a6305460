// The mailbox under load and attack: hostile values, changed intrinsics, malformed batches, floods.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import * as fc from "fast-check";
import { decodeBatch as readBatch } from "../../src/guest/decode.ts";
import type { CoreMessage } from "../../src/wire/messages.ts";
import { encodeCoreMessage } from "../../src/wire/messages.ts";
import { encodeBatch } from "../../src/wire/records.ts";
import { Guest, type GuestFailure } from "./harness.ts";

const define = (body: string, before = ""): string => `
  import { definePlugin } from "xcore/plugin";
  ${before}
  export default definePlugin({ ${body} });`;

suite("the runtime's script", () => {
  test("leaves one name behind, and nothing that holds memory outside of the limit", async () => {
    using guest = await Guest.load(define(`routes: { "GET /": () => "ok" }`));
    assert.equal(guest.evaluate("typeof __xcore_runtime"), "undefined");
    assert.equal(guest.evaluate("typeof __xcore_plugin.default"), "undefined");
    const names = guest.evaluate("Object.getOwnPropertyNames(globalThis)") as string[];
    for (const name of ["WebAssembly", "SharedArrayBuffer", "Atomics", "require", "process", "module"]) {
      assert.ok(!names.includes(name), name);
    }
    assert.deepEqual(
      names.filter((name) => name.startsWith("__")),
      ["__xcore_plugin"],
    );
  });

  test("refuses resizable buffers, by whatever way they are made", async () => {
    using guest = await Guest.load(define(""));
    const attempts = [
      "new ArrayBuffer(8, { maxByteLength: 16 })",
      "new (new Uint8Array(1).buffer.constructor)(8, { maxByteLength: 16 })",
      "Reflect.construct(ArrayBuffer, [8, { maxByteLength: 16 }])",
      "new (class extends ArrayBuffer {})(8, { maxByteLength: 16 })",
      "new (Object.getPrototypeOf(class extends ArrayBuffer {}))(8, { maxByteLength: 16 })",
    ];
    for (const attempt of attempts) assert.throws(() => guest.evaluate(attempt), /resizable/, attempt);
    assert.equal(guest.evaluate("new ArrayBuffer(8).slice(2).byteLength"), 6);
    assert.equal(
      guest.evaluate("new ArrayBuffer(8) instanceof ArrayBuffer && new ArrayBuffer(8).resizable"),
      false,
    );
    assert.equal(guest.evaluate("ArrayBuffer.isView(new Uint8Array(new ArrayBuffer(8)))"), true);
  });

  test("boots whichever of plugin and boot record comes first", async () => {
    const source = define(`routes: { "GET /": () => id }`, "const id = crypto.randomUUID();");
    using guest = await Guest.load(source);
    assert.match((await guest.request("GET", "/")).body, /^[\da-f-]{36}$/);
    await assert.rejects(async () => Guest.load(source, { bootLast: true }), /no randomness yet/);
    using other = await Guest.load(define(`routes: { "GET /": () => "ok" }`), { bootLast: true });
    assert.equal((await other.request("GET", "/")).body, "ok");
  });
});

suite("hostile values", () => {
  const throwers: Record<string, string> = {
    "a getter that throws": `throw { get message() { throw 1; }, get status() { throw 2; }, get name() { throw 3; } };`,
    "a revoked proxy": `const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy;`,
    "a proxy whose every trap throws": `throw new Proxy(function () {}, new Proxy({}, { get() { throw 1; } }));`,
    undefined: `throw undefined;`,
    "a symbol": `throw Symbol("x");`,
    "an error with a hostile stack": `const e = new Error("x"); Object.defineProperty(e, "stack", { get() { throw 1; } }); throw e;`,
    "an error whose message is no string": `throw Object.assign(new Error("x"), { message: { toString() { throw 1; } }, code: 7 });`,
    "an error of megabytes": `throw new Error("x".repeat(1e6));`,
    "a thenable that throws": `return { get then() { throw new Error("then"); } };`,
    "a thenable that fulfils twice and throws": `return { then(resolve) { resolve("once"); resolve("twice"); throw 1; } };`,
    "a value whose toJSON throws": `return { toJSON() { throw new Error("toJSON"); } };`,
  };
  for (const [title, body] of Object.entries(throwers)) {
    test(`${title}: the call is answered once and the next one works`, async () => {
      using guest = await Guest.load(
        define(
          `routes: { "GET /sync": handler, "GET /async": async () => handler(), "GET /": () => "ok" }, actions: { go: { run: handler } }`,
          `function handler(): any { ${body} }`,
        ),
      );
      for (const path of ["/sync", "/async"]) await guest.request("GET", path).catch(() => undefined);
      await guest.call("action", "go", null).catch((error: GuestFailure) => {
        assert.ok(error.error.message.length < 10_000);
      });
      assert.equal((await guest.request("GET", "/")).body, "ok");
      assert.deepEqual(guest.late, []);
    });
  }

  test("prepareStackTrace of the plugin's own can't break an answer", async () => {
    using guest = await Guest.load(
      define(
        `routes: { "GET /": () => { throw new Error("plain"); } }`,
        `Error.prepareStackTrace = () => { throw new Error("hostile"); };`,
      ),
    );
    await assert.rejects(guest.request("GET", "/"), (error: GuestFailure) => error.error.message !== "");
  });
});

suite("changed intrinsics", () => {
  test("do not break the mailbox", async () => {
    using guest = await Guest.load(
      define(
        `start() { vandalise(); },
         actions: { echo: { run: (input) => input }, host: { run: (_, { db }) => db.query("select 1") } },
         routes: { "GET /": () => "ok" }`,
        `function vandalise() {
          const broken = () => { throw new Error("vandalised"); };
          for (const prototype of [String, RegExp, Map, Set, Promise].map((type) => type.prototype)) {
            for (const key of Reflect.ownKeys(prototype)) {
              if (key === "constructor" || typeof Object.getOwnPropertyDescriptor(prototype, key)?.value !== "function") continue;
              prototype[key] = broken;
            }
          }
          for (const key of ["push", "join", "slice", "find", "map", "includes", "toString"]) Array.prototype[key] = broken;
          Object.prototype.toJSON = broken;
          for (const name of ["JSON", "Math", "Promise", "Map", "Date", "Number", "Reflect", "Error", "SyntaxError"]) globalThis[name] = broken;
        }`,
      ),
      { permissions: ["database"], host: () => ({ rows: [], rowCount: 0 }) },
    );
    await guest.call("start", "start", null);
    assert.equal(await guest.call("action", "echo", "text"), "text");
    await assert.rejects(guest.call("action", "gone", null), (error: GuestFailure) => {
      assert.equal(error.error.code, "ACTION_NOT_FOUND");
      return true;
    });
    assert.equal((await guest.request("GET", "/")).body, "ok");
    await guest.request("GET", "/gone").catch(() => undefined);
    assert.throws(() => guest.deliver("7:nonsense"), /malformed/);
  });
});

suite("batches", () => {
  test("that are malformed are refused whole", async () => {
    using guest = await Guest.load(define(`routes: { "GET /": () => { globalThis.ran = true; } }`));
    const request = encodeBatch([
      encodeCoreMessage({
        kind: "request",
        id: 9,
        timeoutMs: 1,
        request: { method: "GET", url: "http://a/", headers: [], body: "", encoding: "utf8" },
      }),
    ]);
    const malformed = [
      "x",
      "5:A1\n",
      "3:A1\n3",
      "-1:A",
      "3:Zx\n",
      "4:Axx\n",
      "99999999:A1\n",
      "12:Q1 1 utf8 9\n",
      "20:Q1 1 utf8 9 9 9\nabc__",
      "21:Q1 1 utf9 0 0 0\n______",
      "10:C1 1 x 0\n_",
    ];
    for (const tail of malformed) assert.throws(() => guest.deliver(request + tail), SyntaxError, tail);
    assert.equal(guest.evaluate("globalThis.ran"), undefined);
    guest.deliver(request);
    assert.equal(guest.evaluate("globalThis.ran"), true);
  });

  test("are read as the core writes them", () => {
    const text = fc.string({ unit: "binary", maxLength: 20 });
    const id = fc.nat();
    const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) =>
      fc.record(model, { noNullPrototype: true });
    const message: fc.Arbitrary<CoreMessage> = fc.oneof(
      record({ kind: fc.constant("boot" as const), json: text }),
      record({ kind: fc.constantFrom("reply" as const, "failure" as const), id, json: text }),
      record({ kind: fc.constantFrom("abort" as const, "end" as const), id }),
      record({ kind: fc.constant("credit" as const), id, units: id }),
      record({
        kind: fc.constant("chunk" as const),
        id,
        encoding: fc.constantFrom("utf8" as const, "latin1" as const),
        text,
      }),
      record({
        kind: fc.constant("call" as const),
        id,
        timeoutMs: id,
        call: fc.constantFrom(
          "start" as const,
          "stop" as const,
          "action" as const,
          "job" as const,
          "event" as const,
        ),
        name: text,
        json: text,
      }),
      record({
        kind: fc.constant("request" as const),
        id,
        timeoutMs: id,
        request: record({
          method: text,
          url: text,
          headers: fc.array(text),
          body: text,
          encoding: fc.constantFrom("utf8" as const, "latin1" as const),
        }),
      }),
    );
    fc.assert(
      fc.property(fc.array(message), (messages) => {
        const expected = messages.map((given) => {
          if (given.kind !== "request") return given;
          const { headers, ...request } = given.request;
          return {
            kind: "lazy-request",
            id: given.id,
            timeoutMs: given.timeoutMs,
            ...request,
            head: headers.join("\n"),
          };
        });
        assert.deepEqual(readBatch(encodeBatch(messages.map((given) => encodeCoreMessage(given)))), expected);
      }),
    );
  });

  test("may name calls that are over: late replies, failures and aborts are dropped", async () => {
    using guest = await Guest.load(define(`routes: { "GET /": () => "ok" }`));
    guest.send(
      { kind: "reply", id: 99, json: "1" },
      { kind: "failure", id: 98, json: "{}" },
      { kind: "abort", id: 97 },
    );
    assert.equal((await guest.request("GET", "/")).body, "ok");
    assert.deepEqual(guest.late, []);
  });
});

suite("the outbox", () => {
  test("keeps some log lines of a flood and says how many it dropped", async () => {
    using guest = await Guest.load(
      define(
        `actions: { flood: { run: () => { for (let i = 0; i < 10_000; i++) console.log("line", i); } } }`,
      ),
    );
    await guest.call("action", "flood", null);
    assert.equal(guest.logs.length, 257);
    assert.deepEqual(guest.logs.at(-1), { level: "warn", message: "9744 log lines dropped", fields: {} });
    await guest.call("action", "flood", null);
    assert.equal(guest.logs.length, 2 * 257);
  });

  test("cuts long lines", async () => {
    using guest = await Guest.load(
      define(
        `actions: { long: { run: (_, { log }) => log.info("x".repeat(1e6), { big: "y".repeat(1e6) }) } }`,
      ),
    );
    await guest.call("action", "long", null);
    assert.ok((guest.logs[0]?.message.length ?? 0) < 10_000);
    assert.deepEqual(guest.logs[0]?.fields, {});
  });

  test("refuses an answer that is larger than a record may be, and host calls beyond its cap", async () => {
    using guest = await Guest.load(
      define(
        `routes: { "GET /": () => "x".repeat(17 * 1024 * 1024) },
         actions: { many: { run: async (_, { db }) => {
           const text = "x".repeat(1024 * 1024);
           const results = await Promise.allSettled(Array.from({ length: 20 }, () => db.query(text)));
           return results.map((result) => result.reason?.code ?? "sent");
         } } }`,
      ),
      { permissions: ["database"], host: () => ({ rows: [], rowCount: 0 }) },
    );
    await assert.rejects(guest.request("GET", "/"), (error: GuestFailure) => {
      assert.equal(error.error.code, "PLUGIN_BAD_RESPONSE");
      assert.match(error.message, /17825\d+ characters/);
      return true;
    });
    const outcomes = (await guest.call("action", "many", null)) as string[];
    assert.ok(outcomes.includes("sent") && outcomes.includes("QUOTA_EXCEEDED"), outcomes.join());
  });
});
