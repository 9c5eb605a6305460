// The runtime's parts: loaded in an isolate when they are first needed, whatever the plugin has done to it before.
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { silentLogger } from "../../../src/core/base/log.ts";
import { createSandboxPool } from "../../../src/core/sandbox/pool.ts";
import { ensureBuilt } from "./built.ts";
import { patient } from "./pool.ts";
import { rawOptions } from "./raw.ts";

await ensureBuilt();
const pool = patient(createSandboxPool({ logger: silentLogger, spare: false }));
after(() => pool[Symbol.asyncDispose]());

/** What a route with this body answers. */
async function answerOf(body: string): Promise<unknown> {
  const code = `var __xcore_plugin = { default: { routes: { "GET /": async () => { ${body} } } } };`;
  const sandbox = await pool.open({ ...rawOptions(""), code });
  const request = { method: "GET", url: "http://x/", headers: [], body: "", encoding: "utf8" } as const;
  const { body: text } = await sandbox.request(request, { timeoutMs: 60_000 });
  await sandbox.close();
  return JSON.parse(String(text)) as unknown;
}

test("every part is there when it is touched", async () => {
  const seen = await answerOf(`
    const bytes = new TextEncoder().encode("ä");
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    const stream = new ReadableStream({ start(to) { to.enqueue(1); to.close(); } });
    return {
      url: new URL("/a?b=1", "http://x").searchParams.get("b"),
      clone: structuredClone(new Map([[1, 2]])).get(1),
      base64: atob(btoa("abc")),
      bytes: [...bytes],
      digest: digest.byteLength,
      chunk: (await stream.getReader().read()).value,
      random: crypto.getRandomValues(new Uint8Array(4)).length,
    };`);
  const bytes = [195, 164];
  assert.deepEqual(seen, { url: "1", clone: 2, base64: "abc", bytes, digest: 32, chunk: 1, random: 4 });
});

test("a plugin finds neither their texts nor the way they are run", async () => {
  const seen = await answerOf(`
    let caught = 0;
    globalThis.eval = (text) => { caught += 1; return {}; };
    const parsed = new URL("http://x/y").pathname;
    return { parsed, caught, left: Object.getOwnPropertyNames(globalThis).filter((name) => /xcore_part/.test(name)) };`);
  assert.deepEqual(seen, { parsed: "/y", caught: 0, left: [] });
});
