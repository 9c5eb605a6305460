// Well-known npm packages run unchanged in a plugin: through the real bundler, in a real isolate.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";
import { openPlugin, type TestPlugin } from "../../src/testing.ts";
import { ensureBuilt } from "../core/sandbox/built.ts";

describe("npm packages, unchanged, in a plugin", () => {
  let plugin: TestPlugin;

  before(async () => {
    await ensureBuilt();
    plugin = await openPlugin(packageFile("test", "fixtures", "plugins", "packages"));
  });
  after(() => plugin?.close());

  const answer = async (path: string): Promise<unknown> => {
    const response = await plugin.request(path);
    assert.equal(response.status, 200);
    return response.json();
  };

  test("ajv compiles a schema and finds both faults", async () => {
    assert.deepEqual(await answer("/ajv"), { accepted: true, faults: ["/email", "/age"] });
  });

  test("valibot and zod accept and refuse", async () => {
    assert.deepEqual(await answer("/valibot"), { accepted: true, faults: ["email", "age"] });
    assert.deepEqual(await answer("/zod"), { accepted: true, faults: ["email", "age"] });
  });

  test("hono serves with its middleware", async () => {
    const response = await plugin.request("/hono/Ada?q=1");
    assert.deepEqual(await response.json(), { hello: "Ada", query: "1" });
    assert.equal(response.headers.get("access-control-allow-origin"), "*");
    const tag = response.headers.get("etag");
    assert.match(tag ?? "", /^"[\da-f]{40}"$/);
    const again = await plugin.request("/hono/Ada?q=1", { headers: { "if-none-match": tag ?? "" } });
    assert.equal(again.status, 304);
  });

  test("itty-router serves", async () => {
    assert.deepEqual(await answer("/itty-router/Ada?q=1"), { hello: "Ada", query: "1" });
  });

  test("jose signs by HS256 and EdDSA, encrypts by A256GCM, and refuses a forged token", async () => {
    assert.deepEqual(await answer("/jose"), {
      role: "admin",
      forged: "ERR_JWS_SIGNATURE_VERIFICATION_FAILED",
      subject: "ada",
      pin: 7,
    });
  });

  test("kysely compiles a query by a dialect of its own, and ctx.db runs it", async () => {
    const { rows } = (await answer("/kysely")) as { rows: unknown };
    assert.deepEqual(rows, [{ name: "pear", price: 5 }]);
  });

  test("lodash-es groups, makes templates and debounces", async () => {
    assert.deepEqual(await answer("/lodash-es"), {
      groups: { 3: ["fig"], 4: ["kiwi", "pear", "plum"] },
      text: "Hello &lt;b&gt;",
      debounced: "last",
    });
  });

  test("date-fns counts days and marked renders", async () => {
    assert.deepEqual(await answer("/date-fns"), { next: "2026-02-28", days: 28 });
    const html = await (await plugin.request("/marked")).text();
    assert.match(html, /<h1>Title<\/h1>\s*<ul>\s*<li><em>one<\/em><\/li>/);
  });

  test("nanoid and uuid draw from the isolate's own randomness", async () => {
    const { id, short, differ } = (await answer("/nanoid")) as { id: string; short: string; differ: boolean };
    assert.deepEqual([id.length, short.length, differ], [21, 8, true]);
    assert.deepEqual(await answer("/uuid"), [
      { valid: true, version: 4 },
      { valid: true, version: 7 },
    ]);
  });

  test("superjson brings dates, sets, maps and big integers back", async () => {
    assert.deepEqual(await answer("/superjson"), { at: "1970-01-01T00:00:00.000Z", tags: ["a"], sum: "3" });
  });

  test("@noble/hashes and @noble/curves compute", async () => {
    const sum = await (await plugin.request("/noble-hashes")).text();
    assert.equal(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert.deepEqual(await answer("/noble-curves"), { length: 64, good: true, forged: false });
  });
});
