import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { XcoreError } from "../../../src/core/base/error.ts";
import type { Sandbox } from "../../../src/core/sandbox/sandbox.ts";
import { testPool } from "./pool.ts";
import { undisturbed } from "../../support/steady.ts";
import { ending, isStarved, rawOptions, type RawPlugin } from "./raw.ts";

const pool = await testPool();
const echo = `onRecord(r, say) { if (r[0] === "C") say("V" + idOf(r) + "\\n1"); }`;
const answers = (sandbox: Sandbox): Promise<unknown> =>
  sandbox.call("action", "x", null, { timeoutMs: 60_000 });

interface Hostile {
  name: string;
  code: string;
  reason: string;
  killedHost: boolean;
}

const hostile: Hostile[] = [
  { name: "an endless loop", code: `for (;;);`, reason: "PLUGIN_CPU_LIMIT", killedHost: false },
  {
    name: "a loop in a microtask",
    code: `Promise.resolve().then(async () => { await null; for (;;); });`,
    reason: "PLUGIN_CPU_LIMIT",
    killedHost: false,
  },
  {
    name: "microtasks without end",
    code: `const again = () => Promise.resolve().then(again); again();`,
    reason: "PLUGIN_CPU_LIMIT",
    killedHost: false,
  },
  {
    name: "a catastrophic regular expression",
    code: `/^(a+)+$/.test("a".repeat(40) + "b");`,
    reason: "PLUGIN_CPU_LIMIT",
    killedHost: false,
  },
  {
    name: "includes on a length of 2^53",
    code: `Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1);`,
    reason: "PLUGIN_CPU_LIMIT",
    killedHost: true,
  },
  {
    name: "a rejection with a looping proxy",
    code: `Promise.reject(new Proxy({}, { get() { for (;;); } }));`,
    reason: "PLUGIN_CPU_LIMIT",
    killedHost: true,
  },
  {
    name: "an array that grows for ever",
    code: `const a = []; for (;;) a.push(new Array(100).fill(1.5));`,
    reason: "PLUGIN_MEMORY_LIMIT",
    killedHost: false,
  },
  {
    name: "a Map that grows for ever",
    code: `const m = new Map(); for (let i = 0; ; i++) m.set(i, { i });`,
    reason: "PLUGIN_MEMORY_LIMIT",
    killedHost: true,
  },
  {
    name: "resizable buffers, which V8 does not count",
    code: `const all = []; for (;;) { const b = new ArrayBuffer(0, { maxByteLength: 2 ** 28 }); b.resize(2 ** 26);
      new Uint8Array(b).fill(1); all.push(b); }`,
    reason: "PLUGIN_MEMORY_LIMIT",
    killedHost: true,
  },
  {
    name: "a string that V8 dies of",
    code: `"x".repeat(2 ** 29 - 25).split("");`,
    reason: "PLUGIN_MEMORY_LIMIT",
    killedHost: true,
  },
];

/** The machine did not let it run, or V8 gave up by itself where the core came late to end it. */
const isUntold = (end: XcoreError): boolean => isStarved(end) || end.details["signal"] === "SIGSEGV";

/** A sandbox whose call runs `code` until it is ended for it, and not because the machine did not let it run. */
async function ended(code: string, options: RawPlugin) {
  for (let tries = 1; ; tries += 1) {
    const { onEnd, ended: over } = ending();
    const culprit = await pool.open(
      rawOptions(`onRecord(r) { if (r[0] === "C") { ${code} } }`, { ...options, onEnd }),
    );
    const call = culprit.call("action", "x", null, { timeoutMs: 60_000 });
    const failure = await call.catch((error: XcoreError) => error);
    const end = await over;
    if (!isUntold(end) || tries === 10) return { culprit, end, failure: failure as XcoreError };
  }
}

for (const { name, code, reason, killedHost } of hostile) {
  test(`${name} ends with ${reason} and hurts no sandbox of another host`, async () => {
    const neighbour = await pool.open(rawOptions(echo, { group: "peaceful" }));
    const asked: Promise<unknown>[] = [];
    const asking = setInterval(() => asked.push(answers(neighbour)), 5);
    // Enough CPU for memory to be what runs out.
    const limits = { cpuMs: reason === "PLUGIN_MEMORY_LIMIT" ? 20_000 : 200 };
    const { culprit, end, failure } = await ended(code, {
      limits,
      group: "hostile",
      label: "hostile@1.0.0",
    }).finally(() => clearInterval(asking));
    assert.deepEqual([end.code, failure.code], [reason, reason]);
    assert.match(end.message, /hostile@1\.0\.0/);
    assert.equal(end.details["killedHost"], killedHost);
    const cap = end.details[reason === "PLUGIN_CPU_LIMIT" ? "capMs" : "capBytes"];
    const observed = end.details[reason === "PLUGIN_CPU_LIMIT" ? "observedMs" : "observedBytes"];
    assert.ok(Number(observed) >= Number(cap), `cap ${String(cap)}, observed ${String(observed)}`);
    await assert.rejects(answers(culprit), { code: reason });
    await Promise.all(asked);
    await neighbour.close();
  });
}

test("deep recursion is the plugin's own error and ends nothing", async () => {
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) { const deep = () => deep() + 1; try { deep(); } catch { say("V" + idOf(r) + "\\n2"); } }`,
    ),
  );
  assert.equal(await answers(sandbox), 2);
  await sandbox.close();
});

test("whoever shares a host with a stuck plugin ends with PLUGIN_CRASHED naming it, and can be opened again", async () => {
  const stuck = `onRecord(r) { Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1); }`;
  for (let tries = 1; ; tries += 1) {
    const bystander = ending();
    const b = await pool.open(rawOptions(echo, { onEnd: bystander.onEnd, label: "calm@1.0.0" }));
    const culprit = ending();
    const options = { onEnd: culprit.onEnd, label: "stuck@1.0.0", limits: { cpuMs: 200 } };
    const a = await pool.open(rawOptions(stuck, options));
    assert.equal(a.stats().hostPid, b.stats().hostPid);
    void a.call("action", "x", null, { timeoutMs: 60_000 }).catch(() => undefined);
    const end = await culprit.ended;
    if (isUntold(end) && tries < 10) {
      await b.close();
      continue;
    }
    assert.equal(end.code, "PLUGIN_CPU_LIMIT");
    const reason = await bystander.ended;
    assert.equal(reason.code, "PLUGIN_CRASHED");
    assert.match(reason.message, /calm@1\.0\.0.*because of plugin 'stuck@1\.0\.0'/);
    break;
  }
  const again = await pool.open(rawOptions(echo, { label: "calm@1.0.0" }));
  assert.equal(await answers(again), 1);
  await again.close();
});

test("a sandbox of the same host lives on when V8 could stop its neighbour", async () => {
  const b = await pool.open(rawOptions(echo));
  const { hostPid } = b.stats();
  const { culprit, end } = await ended(`for (;;);`, { limits: { cpuMs: 200 } });
  assert.equal(culprit.stats().hostPid, hostPid);
  assert.equal(end.code, "PLUGIN_CPU_LIMIT");
  assert.equal(await answers(b), 1);
  await b.close();
});

test("a host that is killed from outside ends its sandboxes with PLUGIN_CRASHED and leaves no process", async () => {
  const { onEnd, ended } = ending();
  const sandbox = await pool.open(rawOptions(echo, { onEnd, group: "killed" }));
  const { hostPid } = sandbox.stats();
  process.kill(hostPid, "SIGKILL");
  const reason = await ended;
  assert.equal(reason.code, "PLUGIN_CRASHED");
  assert.throws(() => readFileSync(`/proc/${hostPid}/stat`));
  assert.ok(!pool.hosts().some((host) => host.pid === hostPid));
});

test("work that takes less than the limit for each call is never stopped for their sum", async () => {
  const busy = `onRecord(r, say) { if (r[0] !== "C") return; const end = Date.now() + 30;
    while (Date.now() < end); say("V" + idOf(r) + "\\n1"); }`;
  await undisturbed(
    async () => {
      const sandbox = await pool.open(rawOptions(busy, { limits: { cpuMs: 400 } }));
      const ask = () => sandbox.call("action", "x", null, { timeoutMs: 60_000 });
      assert.equal((await Promise.all(Array.from({ length: 20 }, ask))).length, 20);
      await sandbox.close();
    },
    { disturbed: isStarved },
  );
});

test("a host that has opened and closed many sandboxes is not taken for one that grew too large", async () => {
  const { onEnd, ended } = ending();
  const held = "hold: new Array(400_000).fill(1.5).map((n, i) => ({ n, i }))[0],";
  const stays = await pool.open(rawOptions(echo, { onEnd, group: "busy" }));
  for (let round = 0; round < 4; round += 1) {
    const many = await Promise.all(
      Array.from({ length: 12 }, () => pool.open(rawOptions(`${held} ${echo}`, { group: "busy" }))),
    );
    await Promise.all(many.map(answers));
    await Promise.all(many.map((sandbox) => sandbox.close()));
    assert.equal(await answers(stays), 1);
  }
  assert.equal(await Promise.race([ended, answers(stays)]), 1);
  await stays.close();
});
