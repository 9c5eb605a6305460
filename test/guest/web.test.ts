// The web's globals inside: they are there, they do what the web does, and the large ones load late.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Guest } from "./harness.ts";

const plugin = `import { definePlugin } from "xcore/plugin"; export default definePlugin({});`;

suite("web globals", () => {
  test("URL, URLSearchParams, encoding, base64, structuredClone", async () => {
    using guest = await Guest.load(plugin);
    const result = guest.evaluate(`(() => {
      const url = new URL("../b?x=1#h", "https://user@example.com:8443/a/c");
      url.searchParams.append("y", "ä &");
      const decoder = new TextDecoder();
      const parts = new TextEncoder().encode("€");
      const map = structuredClone(new Map([["k", { date: new Date(0) }]]));
      return {
        href: url.href,
        idn: new URL("https://münchen.example").host,
        pairs: [...new URLSearchParams("a=1&b=2&a=3")].length,
        stream: decoder.decode(parts.subarray(0, 1), { stream: true }) + decoder.decode(parts.subarray(1)),
        replaced: new TextDecoder().decode(Uint8Array.of(0xff)),
        base64: [btoa("\\u00ff"), atob("/w==")],
        clone: map.get("k").date instanceof Date,
        same: URL === globalThis.URL && new URL("http://a") instanceof URL,
      };
    })()`);
    assert.deepEqual(result, {
      href: "https://user@example.com:8443/b?x=1&y=%C3%A4+%26#h",
      idn: "xn--mnchen-3ya.example",
      pairs: 3,
      stream: "€",
      replaced: "\uFFFD",
      base64: ["/w==", "\u00FF"],
      clone: true,
      same: true,
    });
    assert.throws(() => guest.evaluate(`structuredClone(() => 1)`), /clone/i);
    assert.throws(() => guest.evaluate(`new URL("nonsense")`), TypeError);
    assert.throws(() => guest.evaluate(`atob("ä")`));
    assert.throws(
      () => guest.evaluate(`new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.of(0xff))`),
      TypeError,
    );
  });

  test("are loaded when first touched, and may be replaced before", async () => {
    using guest = await Guest.load(plugin);
    const lazy = (name: string): boolean =>
      guest.evaluate(`Object.getOwnPropertyDescriptor(globalThis, "${name}").get !== undefined`) as boolean;
    assert.ok(lazy("URL") && lazy("ReadableStream") && lazy("structuredClone"));
    guest.evaluate(`new URLSearchParams("a=1")`);
    assert.ok(!lazy("URL") && lazy("ReadableStream"));
    guest.evaluate(`globalThis.ReadableStream = class Mine {}; new TransformStream(); 1`);
    assert.equal(guest.evaluate(`ReadableStream.name`), "Mine");
  });

  test("crypto gives different bytes in every isolate, and refuses what the web refuses", async () => {
    const draw = async (): Promise<unknown> => {
      using guest = await Guest.load(plugin);
      assert.throws(
        () => guest.evaluate(`crypto.getRandomValues(new Float64Array(1))`),
        /integer typed array/,
      );
      assert.throws(() => guest.evaluate(`crypto.getRandomValues(new Uint8Array(65537))`), /65536/);
      return guest.evaluate(
        `[crypto.randomUUID(), crypto.randomUUID(), crypto.getRandomValues(new Uint32Array(4)).join()]`,
      );
    };
    const seen = [...((await draw()) as string[]), ...((await draw()) as string[])];
    assert.equal(new Set(seen).size, 6);
    assert.match(seen[0] ?? "", /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
  });

  test("streams pipe through transforms", async () => {
    using guest = await Guest.load(
      `import { definePlugin } from "xcore/plugin";
       export default definePlugin({ routes: { "POST /": (request) => new Response(request.body.pipeThrough(new TransformStream({
         transform(chunk, controller) { controller.enqueue(chunk.map((byte) => byte - 32)); },
       }))) } });`,
    );
    assert.equal((await guest.request("POST", "/", { body: "shout" })).body, "SHOUT");
  });

  test("a response built on another's body keeps it whole", async () => {
    using guest = await Guest.load(
      `import { definePlugin } from "xcore/plugin";
       export default definePlugin({ routes: {
         "GET /": () => { const first = new Response("ä"); return new Response(first.body, { headers: { a: "b" } }); },
         "GET /read": async () => {
           const first = new Response("abc");
           const reader = first.body.getReader();
           await reader.read();
           reader.releaseLock();
           return new Response(first.body);
         },
         "GET /tee": async () => {
           const first = new Response(new Response("abc").body);
           const copy = first.clone();
           return [await first.text(), await copy.text()];
         },
       } });`,
    );
    assert.deepEqual(await guest.request("GET", "/"), {
      status: 200,
      headers: ["a", "b"],
      body: "ä",
      encoding: "utf8",
    });
    assert.equal((await guest.request("GET", "/read")).body, "");
    assert.equal((await guest.request("GET", "/tee")).body, '["abc","abc"]');
  });

  test("Headers normalise, combine, sort and validate", async () => {
    using guest = await Guest.load(plugin);
    const entries = guest.evaluate(`(() => {
      const headers = new Headers({ B: " 2 ", a: "1" });
      headers.append("b", "3");
      headers.append("Set-Cookie", "x=1");
      headers.append("set-cookie", "y=2");
      headers.delete("none");
      return [[...headers], headers.get("B"), headers.has("c"), headers.get("c"), headers.getSetCookie()];
    })()`);
    assert.deepEqual(entries, [
      [
        ["a", "1"],
        ["b", "2, 3"],
        ["set-cookie", "x=1"],
        ["set-cookie", "y=2"],
      ],
      "2, 3",
      false,
      null,
      ["x=1", "y=2"],
    ]);
    assert.throws(() => guest.evaluate(`new Headers({ "a b": "1" })`), /not a header name/);
    assert.throws(() => guest.evaluate(`new Headers([["a", "1\\n2"]])`), /line break/);
  });

  test("console writes log lines that can't be stopped by what is printed", async () => {
    using guest = await Guest.load(plugin);
    guest.evaluate(`
      const circle = { name: "c" }; circle.self = circle;
      console.log("%s is %d, %j", "x", 4.5, { a: 1 }, "and", [1, "two"], new Map([["k", new Set([1])]]));
      console.warn(circle, undefined, null, 5n, Symbol("s"), () => 1);
      console.error(new TypeError("fell"));
      console.debug({ get bad() { throw 1; } }, Proxy.revocable({}, {}).proxy);
      console.assert(1 === 2, "sums");
      console.count(); console.count();
      1`);
    guest.knock();
    const lines = guest.logs.map(({ level, message }) => [level, message.split("\n")[0]]);
    assert.deepEqual(lines, [
      ["info", 'x is 4.5, { a: 1 } and [1, "two"] Map {"k" => Set {1}}'],
      ["warn", '{ name: "c", self: [circular] } undefined null 5n Symbol(s) [function ]'],
      ["error", "TypeError: fell"],
      ["debug", "[object that can't be read] {}"],
      ["error", "Assertion failed: sums"],
      ["info", "default: 1"],
      ["info", "default: 2"],
    ]);
  });

  test("performance.now and Date never go back", async () => {
    using guest = await Guest.load(plugin);
    assert.equal(
      guest.evaluate(`const a = performance.now(); performance.now() >= a && performance.timeOrigin > 0`),
      true,
    );
  });
});
