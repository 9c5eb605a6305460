// The wall with the real guest runtime in front: what an ordinary author, and a hostile one, can write.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { XcoreError } from "../../../src/core/base/error.ts";
import { silentLogger } from "../../../src/core/base/log.ts";
import { bundlePlugin } from "../../../src/core/sandbox/bundle.ts";
import { createSandboxPool } from "../../../src/core/sandbox/pool.ts";
import type { GuestLog, Sandbox, SandboxOptions } from "../../../src/core/sandbox/sandbox.ts";
import { until } from "../../support/services.ts";
import { ensureBuilt } from "./built.ts";
import { patient } from "./pool.ts";
import { ending, isStarved, rawOptions, type RawPlugin } from "./raw.ts";

await ensureBuilt();
const scratch = await mkdtemp(join(tmpdir(), "xcore-guest-"));
const pool = patient(createSandboxPool({ logger: silentLogger, spare: false }));
after(async () => {
  await pool[Symbol.asyncDispose]();
  await rm(scratch, { recursive: true });
});
let made = 0;

async function open(source: string, options: RawPlugin = {}): Promise<Sandbox> {
  made += 1;
  const entry = `plugin-${made}.ts`;
  await writeFile(
    join(scratch, entry),
    `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({ ${source} });`,
  );
  const bundle = await bundlePlugin({ folder: scratch, entry, label: "sample@1.0.0" });
  const all: SandboxOptions = { ...rawOptions("", { label: "sample@1.0.0", ...options }), ...bundle };
  return pool.open(all);
}

const get = (sandbox: Sandbox, path: string, timeoutMs = 60_000): ReturnType<Sandbox["request"]> =>
  sandbox.request(
    { method: "GET", url: `http://x${path}`, headers: [], body: "", encoding: "utf8" },
    { timeoutMs },
  );

test("routes, actions, timers and errors work through the whole wall", async () => {
  const sandbox = await open(`
    routes: { "GET /": () => ({ hello: "world" }), "GET /later": () => new Promise((done) => setTimeout(() => done("late"), 20)),
      "GET /broken": () => { throw new TypeError("broken"); } },
    actions: { add: { run: (input: any) => input.a + input.b } }`);
  assert.deepEqual(sandbox.description.routes, ["GET /", "GET /later", "GET /broken"]);
  assert.equal((await get(sandbox, "/")).body, '{"hello":"world"}');
  assert.equal((await get(sandbox, "/later")).body, "late");
  assert.equal(await sandbox.call("action", "add", { a: 1, b: 2 }, { timeoutMs: 60_000 }), 3);
  await assert.rejects(get(sandbox, "/broken"), {
    code: "PLUGIN_ERROR",
    message: /sample@1\.0\.0.*broken \(plugin-\d+\.ts:4:\d+\)/,
  });
  await assert.rejects(sandbox.call("action", "sub", null, { timeoutMs: 60_000 }), {
    code: "ACTION_NOT_FOUND",
  });
  await sandbox.close();
});

test("host calls of a context come back with values and with coded errors", async () => {
  const sandbox = await open(
    `routes: { "GET /": async (request, { cache }: any) => ({ got: await cache.get("a") }),
      "GET /refused": async (request, { cache }: any) => { try { await cache.set("a", 1); } catch (error: any) { return { code: error.code }; } } }`,
    {
      boot: { plugin: "sample", version: "1.0.0", config: {}, permissions: ["cache"] },
      onHostCall: (call) =>
        call.name === "cache.get"
          ? Promise.resolve({ hit: true, value: 5 })
          : Promise.reject(new XcoreError("QUOTA_EXCEEDED", "full")),
    },
  );
  assert.equal((await get(sandbox, "/")).body, '{"got":5}');
  assert.equal((await get(sandbox, "/refused")).body, '{"code":"QUOTA_EXCEEDED"}');
  await sandbox.close();
});

const hostile: Record<string, { code: string; reason: string }> = {
  "loops in a handler": { code: `() => { for (;;); }`, reason: "PLUGIN_CPU_LIMIT" },
  "loops after an await": { code: `async () => { await null; for (;;); }`, reason: "PLUGIN_CPU_LIMIT" },
  "loops in a timer": {
    code: `() => new Promise(() => setTimeout(() => { for (;;); }, 5))`,
    reason: "PLUGIN_CPU_LIMIT",
  },
  "loops after a host reply": {
    code: `async (request: any, { cache }: any) => { await cache.get("a"); for (;;); }`,
    reason: "PLUGIN_CPU_LIMIT",
  },
  "loops in a getter of what it returns": {
    code: `() => ({ get a() { for (;;); } })`,
    reason: "PLUGIN_CPU_LIMIT",
  },
  "throws a proxy that loops": {
    code: `() => { throw new Proxy({}, { get() { for (;;); } }); }`,
    reason: "PLUGIN_CPU_LIMIT",
  },
  "multiplies huge numbers": {
    code: `() => { let n = 2n ** 30000000n; n = n * n * n; return String(n).length; }`,
    reason: "PLUGIN_CPU_LIMIT",
  },
  "keeps everything": {
    code: `() => { const all: unknown[] = []; for (;;) all.push({ a: [1, 2, 3], b: "x".repeat(100) + all.length }); }`,
    reason: "PLUGIN_MEMORY_LIMIT",
  },
  "makes promises without end": {
    code: `async () => { const all: unknown[] = []; for (;;) { all.push(new Promise(() => {})); if (all.length % 1000 === 0) await null; } }`,
    reason: "PLUGIN_MEMORY_LIMIT",
  },
};

for (const [name, { code, reason }] of Object.entries(hostile)) {
  test(`a plugin that ${name} ends with ${reason}`, async () => {
    for (let tries = 1; tries <= 10; tries += 1) {
      const { onEnd, ended } = ending();
      const sandbox = await open(`routes: { "GET /": ${code} }`, {
        onEnd,
        group: "hostile",
        boot: { plugin: "sample", version: "1.0.0", config: {}, permissions: ["cache"] },
        onHostCall: () => Promise.resolve({ hit: false }),
        limits: { cpuMs: reason === "PLUGIN_MEMORY_LIMIT" ? 20_000 : 200 },
      });
      const answer = get(sandbox, "/").catch((error: unknown) => error);
      const end = await ended;
      const failure = await answer;
      if (isStarved(end)) continue;
      assert.deepEqual([end.code, (failure as XcoreError).code], [reason, reason]);
      return;
    }
    assert.fail("ten times the machine did not let the plugin run: try again where less else runs");
  });
}

test("floods of host calls and log lines leave the core answering, and the plugin too", async () => {
  const logs: GuestLog[] = [];
  let asked = 0;
  const sandbox = await open(
    `routes: { "GET /": () => "ok", "GET /flood": async (request, { cache, log }: any) => {
      const all = []; for (let i = 0; i < 5000; i++) { log.info("line " + i); all.push(cache.get("k" + i).catch((error: any) => error.code)); }
      const codes = new Set(await Promise.all(all)); return { refused: codes.has("QUOTA_EXCEEDED") }; } }`,
    {
      boot: { plugin: "sample", version: "1.0.0", config: {}, permissions: ["cache"] },
      onLog: (entry) => logs.push(entry),
      onHostCall: async () => {
        asked += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
        return { hit: false };
      },
    },
  );
  const began = performance.now();
  const flood = await get(sandbox, "/flood");
  const seconds = Math.ceil((performance.now() - began) / 1000);
  assert.equal(flood.status, 200);
  assert.ok(asked <= 5000);
  assert.ok(logs.length < 1100 * seconds, `${logs.length} lines in ${seconds} s`);
  assert.equal((await get(sandbox, "/")).body, "ok");
  await sandbox.close();
});

test("a bundle that imports nothing of xcore and exports no plugin says so when it is opened", async () => {
  const options = { ...rawOptions(""), code: `var __xcore_plugin = { default: 7 };` };
  await assert.rejects(pool.open(options), { code: "PLUGIN_DEFINITION" });
});

test("a promise that is rejected and never awaited is logged; the plugin and its other calls go on", async () => {
  const logs: GuestLog[] = [];
  // One at a time, and kept: V8 tells the first of a stretch only, and nothing of a promise that was collected meanwhile.
  const sandbox = await open(
    `
    routes: {
      "GET /": () => { (globalThis as any).one = Promise.reject(new TypeError("forgotten")); return "ok"; },
      "GET /timer": () => new Promise((done) => {
        setTimeout(() => { (globalThis as any).two = (async () => { throw new Error("later"); })(); }, 1);
        setTimeout(done, 20, "late");
      }),
    }`,
    { onLog: (entry) => logs.push(entry) },
  );
  assert.equal((await get(sandbox, "/")).body, "ok");
  assert.equal((await get(sandbox, "/timer")).body, "late");
  await until(() => logs.length >= 2);
  assert.deepEqual(logs.map(({ level, message }) => [level, message]).toSorted(), [
    ["error", "unhandled rejection: Error: later"],
    ["error", "unhandled rejection: TypeError: forgotten"],
  ]);
  await sandbox.close();
});
