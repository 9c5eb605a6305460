import assert from "node:assert/strict";
import { test } from "node:test";
import type { GuestLog, HostCall } from "../../../src/core/sandbox/sandbox.ts";
import { testPool } from "./pool.ts";
import { ending, rawOptions } from "./raw.ts";

const pool = await testPool();

const breaches: Record<string, string> = {
  "text that is no batch": `raw("nonsense")`,
  "a record that promises more than there is": `raw("99999:V1")`,
  "a record of an unknown kind": `say("Z1\\n{}")`,
  "a record without a head": `say("V1")`,
  "an id that is no number": `say("Vone\\n{}")`,
  "a value that is no JSON": `say("V" + idOf(r) + "\\n{")`,
  "a value where a response is due": `say("V" + idOf(r) + "\\n1")`,
  "a response with a status that does not exist": `say("P" + idOf(r) + " 99 utf8 0\\n")`,
  "a response whose head is longer than it is": `say("P" + idOf(r) + " 200 utf8 99\\nx")`,
  "an error that is none": `say("E" + idOf(r) + "\\n[]")`,
  "a log entry that is none": `say("Linfo\\n7")`,
  "a log level that does not exist": `say('Lfatal\\n{"message":"x","fields":{}}')`,
  "a host call made twice with one id": `say("H1 0 slow\\n{}"); say("H1 0 slow\\n{}")`,
  "a second description": `say("V0\\n{}")`,
};

const request = { method: "GET", url: "http://x/", headers: [], body: "", encoding: "utf8" } as const;

for (const [name, code] of Object.entries(breaches)) {
  test(`${name} ends the sandbox with PLUGIN_PROTOCOL`, async () => {
    const { onEnd, ended } = ending();
    const onHostCall = (): Promise<never> => new Promise(() => undefined);
    const sandbox = await pool.open(rawOptions(`onRecord(r, say) { ${code}; }`, { onEnd, onHostCall }));
    await assert.rejects(sandbox.request(request, { timeoutMs: 60_000 }), { code: "PLUGIN_PROTOCOL" });
    assert.equal((await ended).code, "PLUGIN_PROTOCOL");
  });
}

const descriptions: Record<string, string> = {
  "routes that are no list": `{ routes: "GET /" }`,
  "a route that is none": `{ routes: ["GET nothing"] }`,
  "actions that are no table": `{ actions: [1] }`,
  "an action name with a line break": `{ actions: { "a\\nb": {} } }`,
  "a job with a concurrency that is no count": `{ jobs: { a: { concurrency: -1 } } }`,
  "events that are no names": `{ events: ["a b"] }`,
  "nothing about fetch": `{ fetch: 1 }`,
};

for (const [name, extra] of Object.entries(descriptions)) {
  test(`a description with ${name} is refused`, async () => {
    const options = rawOptions(`onBoot(r, say, describe) { describe(${extra}); }`);
    await assert.rejects(pool.open(options), { code: "PLUGIN_PROTOCOL" });
  });
}

test("a description keeps what was declared", async () => {
  const declared = `{ routes: ["GET /notes/:id"], actions: { count: { input: { type: "object" } } },
    jobs: { digest: { every: "1 hour", retries: 2 } }, events: ["user.*"],
    publishes: { "note.created": { payload: true, more: 1 }, "note.gone": {} }, __proto__: null }`;
  const sandbox = await pool.open(rawOptions(`onBoot(r, say, describe) { describe(${declared}); }`));
  assert.deepEqual(sandbox.description, {
    routes: ["GET /notes/:id"],
    fetch: true,
    actions: { count: { input: { type: "object" } } },
    jobs: { digest: { every: "1 hour", retries: 2 } },
    events: ["user.*"],
    publishes: { "note.created": { payload: true }, "note.gone": {} },
  });
  await sandbox.close();
});

test("the boot record carries the plugin's options and 64 random bytes", async () => {
  const open = () =>
    pool.open(
      rawOptions(
        `onBoot(r, say, describe) { this.boot = r; describe(); }, onRecord(r, say) {
      say("V" + idOf(r) + "\\n" + this.boot.slice(2)); }`,
        {
          boot: { plugin: "raw", version: "1.0.0", config: { a: 1 }, permissions: ["cache"] },
        },
      ),
    );
  const [a, b] = await Promise.all([open(), open()]);
  const [first, second] = (await Promise.all(
    [a, b].map((sandbox) => sandbox.call("action", "x", null, { timeoutMs: 60_000 })),
  )) as { seed: string; plugin: string }[];
  assert.equal(Buffer.from(first?.seed ?? "", "base64").length, 64);
  assert.notEqual(first?.seed, second?.seed);
  assert.partialDeepStrictEqual(first, { plugin: "raw", config: { a: 1 }, permissions: ["cache"] });
  await Promise.all([a.close(), b.close()]);
});

test("an answer to a call nobody made is dropped", async () => {
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) { say("V4711\\n1"); say("E4712\\n" + '{"message":"x"}'); say("V" + idOf(r) + "\\n2"); }`,
    ),
  );
  assert.equal(await sandbox.call("action", "x", null, { timeoutMs: 60_000 }), 2);
  assert.equal(sandbox.stats().lateReplies, 2);
  await sandbox.close();
});

test("a response with a header that has no value fails that call only", async () => {
  const sandbox = await pool.open(
    rawOptions(`onRecord(r, say) { say("P" + idOf(r) + " 200 utf8 6\\na\\nb\\nc"); }`),
  );
  await assert.rejects(sandbox.request(request, { timeoutMs: 60_000 }), (error: { code: string }) =>
    ["PLUGIN_BAD_RESPONSE", "PLUGIN_PROTOCOL"].includes(error.code),
  );
  await sandbox.close();
});

test("__proto__ in a guest's JSON reaches nobody, however it is written", async () => {
  const seen: HostCall[] = [];
  const json = String.raw`{"a":{"__proto__":{"admin":true}},"\u005f_proto__":{"admin":true},"b":1}`;
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) {
      if (r[0] === "C") { this.id = idOf(r); say("H1 " + this.id + " any.name\\n" + ${JSON.stringify(json)}); }
      else say("V" + this.id + "\\n" + ${JSON.stringify(json)});
    }`,
      {
        onHostCall: (call) => {
          seen.push(call);
          return Promise.resolve(null);
        },
      },
    ),
  );
  const value = await sandbox.call("action", "x", null, { timeoutMs: 60_000 });
  assert.deepEqual(value, { a: {}, b: 1 });
  assert.deepEqual(seen[0]?.args, { a: {}, b: 1 });
  assert.equal((Object.assign({}, value) as { admin?: boolean }).admin, undefined);
  await sandbox.close();
});

test("log entries lose control characters and length, and a flood of them is cut off", async () => {
  const entries: GuestLog[] = [];
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) {
      const log = (entry) => say("Lwarn\\n" + JSON.stringify(entry));
      log({ message: "a\\nb\\u001b[2J\\u2028\\u202e" + "x".repeat(9000), fields: { k: "\\r\\n", deep: { l: "\\u0007" } } });
      for (let i = 0; i < 5000; i++) log({ message: "flood", fields: {} });
      say("V" + idOf(r) + "\\n1");
    }`,
      { onLog: (entry) => entries.push(entry) },
    ),
  );
  const began = performance.now();
  await sandbox.call("action", "x", null, { timeoutMs: 60_000 });
  assert.match(entries[0]?.message ?? "", /^a b \[2J x+… \(9\d+ characters\)$/);
  assert.deepEqual(entries[0]?.fields, { k: " ", deep: { l: " " } });
  const seconds = Math.ceil((performance.now() - began) / 1000);
  assert.ok(
    entries.length >= 1000 && entries.length <= 1000 * seconds + 1,
    `${entries.length} in ${seconds} s`,
  );
  await sandbox.close();
});

test("a guest that says too much at once is ended with PLUGIN_PROTOCOL", async () => {
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) { const big = "x".repeat(2 ** 20); for (let i = 0; i < 20; i++) say("Linfo\\n" + big); }`,
      {
        limits: { memoryBytes: 256 * 1024 ** 2 },
      },
    ),
  );
  await assert.rejects(sandbox.request(request, { timeoutMs: 60_000 }), { code: "PLUGIN_PROTOCOL" });
});
