import assert from "node:assert/strict";
import { test } from "node:test";
import { maxCalls } from "../../../src/core/sandbox/bounds.ts";
import { testPool } from "./pool.ts";
import { ending, rawOptions } from "./raw.ts";

const pool = await testPool();
const echo = `onRecord(r, say) { if (r[0] === "C") say("V" + idOf(r) + "\\n" + r.slice(r.indexOf("\\n") + 2)); }`;
const silent = `onRecord() {}`;
const request = {
  method: "GET",
  url: "http://x/a?b=ü",
  headers: ["a", "1"],
  body: "",
  encoding: "utf8",
} as const;

test("a call comes back with the guest's answer", async () => {
  const sandbox = await pool.open(rawOptions(echo));
  assert.deepEqual(await sandbox.call("action", "x", { text: "wörld 🎈" }, { timeoutMs: 60_000 }), {
    text: "wörld 🎈",
  });
  await sandbox.close();
});

test("a request comes back with status, headers and body", async () => {
  const sandbox = await pool.open(
    rawOptions(`onRecord(r, say) { say("P" + idOf(r) + " 201 utf8 3\\nx\\ny" + r.length); }`),
  );
  const response = await sandbox.request(request, { timeoutMs: 60_000 });
  assert.equal(response.status, 201);
  assert.deepEqual(response.headers, ["x", "y"]);
  await sandbox.close();
});

test("a thousand calls at once are answered each with its own answer", async () => {
  const sandbox = await pool.open(rawOptions(echo));
  const answers = await Promise.all(
    Array.from({ length: 1000 }, (_, index) => sandbox.call("action", "x", index, { timeoutMs: 60_000 })),
  );
  assert.deepEqual(
    answers,
    answers.map((_, index) => index),
  );
  await sandbox.close();
});

test("a body of several megabytes crosses in both directions unchanged", async () => {
  const sandbox = await pool.open(rawOptions(echo));
  const text = "é€🎈\u0000\n".repeat(500_000);
  assert.equal(await sandbox.call("action", "x", text, { timeoutMs: 60_000 }), text);
  await sandbox.close();
});

test("a record over the size limit is refused before it is sent", async () => {
  const sandbox = await pool.open(rawOptions(echo));
  await assert.rejects(sandbox.call("action", "x", "a".repeat(17 * 1024 ** 2), { timeoutMs: 60_000 }), {
    code: "PAYLOAD_TOO_LARGE",
  });
  assert.equal(await sandbox.call("action", "x", 1, { timeoutMs: 60_000 }), 1);
  await sandbox.close();
});

test("a call that hangs fails with PLUGIN_TIMEOUT, tells the guest, and leaves the sandbox alive", async () => {
  const sandbox = await pool.open(
    rawOptions(`seen: [], onRecord(r, say) {
      this.seen.push(r[0]);
      if (r.includes("tell")) say("V" + idOf(r) + "\\n" + JSON.stringify(this.seen));
    }`),
  );
  await assert.rejects(sandbox.call("action", "hang", null, { timeoutMs: 50 }), (error: Error) => {
    assert.match(error.message, /raw@1\.0\.0.*'hang'.*50 ms/);
    const { code, details } = error as Error & {
      code: string;
      details: { capMs: number; observedMs: number };
    };
    assert.equal(code, "PLUGIN_TIMEOUT");
    assert.equal(details.capMs, 50);
    assert.ok(details.observedMs >= 49);
    return true;
  });
  assert.deepEqual(await sandbox.call("action", "tell", null, { timeoutMs: 60_000 }), ["C", "A", "C"]);
  await sandbox.close();
});

test("a reply after the deadline is dropped and counted, never given to the next caller", async () => {
  const sandbox = await pool.open(
    rawOptions(`late: "", onRecord(r, say) {
      if (r.includes("hang")) { this.late = idOf(r); return; }
      if (r[0] !== "C") return;
      say("V" + this.late + "\\n\\"late\\"");
      say("V" + idOf(r) + "\\n\\"own\\"");
    }`),
  );
  await assert.rejects(sandbox.call("action", "hang", null, { timeoutMs: 30 }), { code: "PLUGIN_TIMEOUT" });
  assert.equal(await sandbox.call("action", "next", null, { timeoutMs: 60_000 }), "own");
  assert.equal(sandbox.stats().lateReplies, 1);
  await sandbox.close();
});

test("a cancelled call rejects with CALL_CANCELLED, also when it was cancelled before it began", async () => {
  const sandbox = await pool.open(rawOptions(silent));
  const controller = new AbortController();
  const call = sandbox.call("action", "x", null, { timeoutMs: 60_000, signal: controller.signal });
  controller.abort();
  await assert.rejects(call, { code: "CALL_CANCELLED" });
  await assert.rejects(sandbox.request(request, { timeoutMs: 60_000, signal: controller.signal }), {
    code: "CALL_CANCELLED",
  });
  await sandbox.close();
});

test("an error of the guest arrives as PLUGIN_ERROR with its message, its own codes as such", async () => {
  const sandbox = await pool.open(
    rawOptions(`onRecord(r, say) {
      const code = JSON.parse(r.slice(r.indexOf("\\n") + 2));
      say("E" + idOf(r) + "\\n" + JSON.stringify({ name: "TypeError", message: "no\\u001b[31m\\nred", code }));
    }`),
  );
  await assert.rejects(sandbox.call("action", "x", "EMINE", { timeoutMs: 60_000 }), {
    code: "PLUGIN_ERROR",
    message: "plugin 'raw@1.0.0': no [31m red",
    details: { name: "TypeError", guestCode: "EMINE" },
  });
  await assert.rejects(sandbox.call("action", "x", "INPUT_INVALID", { timeoutMs: 60_000 }), {
    code: "INPUT_INVALID",
  });
  await assert.rejects(sandbox.call("action", "x", "CONFIG_INVALID", { timeoutMs: 60_000 }), {
    code: "PLUGIN_ERROR",
  });
  await sandbox.close();
});

test("more calls than may wait are refused with PLUGIN_BUSY and the others go on", async () => {
  const sandbox = await pool.open(rawOptions(silent));
  const waiting = Array.from({ length: maxCalls }, () =>
    sandbox.call("action", "x", null, { timeoutMs: 60_000 }),
  );
  const settled = Promise.allSettled(waiting);
  await assert.rejects(sandbox.call("action", "x", null, { timeoutMs: 60_000 }), { code: "PLUGIN_BUSY" });
  await sandbox.close();
  const results = await settled;
  assert.ok(
    results.every((result) => result.status === "rejected" && result.reason.code === "PLUGIN_NOT_READY"),
  );
});

test("a plugin whose top level throws is not opened, and onEnd is not called", async () => {
  const { onEnd, ended } = ending();
  const options = { ...rawOptions("", { onEnd }), code: `throw new RangeError("at once")` };
  await assert.rejects(pool.open(options), { code: "PLUGIN_START", message: /at once/ });
  const next = await Promise.race([ended, pool.open(rawOptions(echo))]);
  assert.ok("description" in next);
  await next.close();
});

test("a plugin whose top level never ends is stopped while others can still be opened", async () => {
  const limits = { cpuMs: 200 };
  const options = { ...rawOptions("", { group: "endless", limits }), code: `for (;;);` };
  await assert.rejects(pool.open(options), { code: "PLUGIN_CPU_LIMIT" });
  const next = await pool.open(rawOptions(echo, { group: "endless" }));
  await next.close();
});

test("a closed sandbox rejects calls, closes twice without harm, and its host goes when it was the last", async () => {
  const { onEnd, ended } = ending();
  const sandbox = await pool.open(rawOptions(silent, { onEnd, group: "single" }));
  const call = sandbox.call("action", "x", null, { timeoutMs: 60_000 });
  const rejected = assert.rejects(call, { code: "PLUGIN_NOT_READY" });
  await sandbox.close();
  await sandbox.close();
  await rejected;
  await assert.rejects(sandbox.request(request, { timeoutMs: 10 }), { code: "PLUGIN_NOT_READY" });
  assert.ok(!pool.hosts().some((host) => host.group === "single"));
  assert.equal(await Promise.race([ended, "no end"]), "no end");
});

test("sandboxes of one group share a host, those of another have their own", async () => {
  const [a, b, c] = await Promise.all([
    pool.open(rawOptions(echo, { group: "g1" })),
    pool.open(rawOptions(echo, { group: "g1" })),
    pool.open(rawOptions(echo, { group: "g2" })),
  ]);
  assert.equal(a.stats().hostPid, b.stats().hostPid);
  assert.notEqual(a.stats().hostPid, c.stats().hostPid);
  assert.deepEqual(
    pool
      .hosts()
      .filter((host) => host.group.startsWith("g"))
      .map((host) => host.sandboxes),
    [2, 1],
  );
  await Promise.all([a.close(), b.close(), c.close()]);
});

test("timers of the guest run without any call", async () => {
  const woken = Promise.withResolvers<string>();
  const sandbox = await pool.open(
    rawOptions(
      `onBoot(r, say, describe) { describe(); wakeIn(20); },
      onWake(say) { say('Linfo\\n{"message":"woken","fields":{}}'); }`,
      {
        onLog: (entry) => woken.resolve(entry.message),
      },
    ),
  );
  assert.equal(await woken.promise, "woken");
  await sandbox.close();
});

test("stats tell heap and CPU time of a sandbox that works", async () => {
  const sandbox = await pool.open(rawOptions(echo));
  for (let round = 0; sandbox.stats().heapBytes === 0 && round < 500; round += 1) {
    await sandbox.call("action", "x", round, { timeoutMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.ok(sandbox.stats().heapBytes > 100_000);
  assert.ok(sandbox.stats().cpuMs > 0);
  assert.equal(sandbox.stats().heapLimitBytes, 64 * 1024 ** 2);
  await sandbox.close();
});

test("calls to a host that does not read are refused with PLUGIN_BUSY once too much waits, and the rest is answered", async () => {
  const sandbox = await pool.open(
    rawOptions(`onRecord(r, say) { say("V" + idOf(r) + "\\n" + r.length); }`, { group: "stopped" }),
  );
  const { hostPid } = sandbox.stats();
  const calls: Promise<unknown>[] = [];
  const text = "x".repeat(1024 ** 2);
  process.kill(hostPid, "SIGSTOP");
  for (let round = 0; round < 60; round += 1) {
    calls.push(sandbox.call("action", "big", text, { timeoutMs: 60_000 }).catch((error: unknown) => error));
    await new Promise((resolve) => setImmediate(resolve));
  }
  process.kill(hostPid, "SIGCONT");
  const refused = (await Promise.all(calls)).filter((result) => result instanceof Error);
  assert.ok(refused.length > 0 && refused.length < 40, `${refused.length} refused`);
  assert.ok(refused.every((error) => "code" in error && error.code === "PLUGIN_BUSY"));
  await sandbox.close();
});
