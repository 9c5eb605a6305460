import assert from "node:assert/strict";
import { test } from "node:test";
import { XcoreError } from "../../../src/core/base/error.ts";
import { maxHostCalls } from "../../../src/core/sandbox/bounds.ts";
import type { HostCall, Sandbox } from "../../../src/core/sandbox/sandbox.ts";
import { testPool } from "./pool.ts";
import { rawOptions } from "./raw.ts";

const pool = await testPool();

/** Makes the host call `name` with the call's payload and answers with the record that comes back. */
const relay = `onRecord(r, say) {
  if (r[0] === "C") { this.id = idOf(r); say("H7 " + this.id + " some.call\\n" + r.slice(r.indexOf("\\n") + 2)); }
  else if (r[0] !== "A") say("V" + this.id + "\\n" + JSON.stringify(r));
}`;

test("a host call carries name, arguments and the time its caller has left", async () => {
  let seen: HostCall | undefined;
  const sandbox = await pool.open(
    rawOptions(relay, {
      onHostCall: (call) => {
        seen = call;
        return Promise.resolve({ rows: [1] });
      },
    }),
  );
  assert.equal(await sandbox.call("action", "x", { a: [1] }, { timeoutMs: 60_000 }), 'R7\n{"rows":[1]}');
  assert.equal(seen?.name, "some.call");
  assert.deepEqual(seen?.args, { a: [1] });
  assert.ok(seen !== undefined && seen.timeoutMs <= 60_000 && seen.timeoutMs > 0);
  assert.equal(seen.signal.aborted, false);
  await sandbox.close();
});

test("a refused host call gives code and message to the guest, and nothing else of the core", async () => {
  const failures: unknown[] = [
    new XcoreError("PERMISSION_UNDECLARED", "not declared", { hint: "secret", details: { path: "/etc" } }),
    new TypeError("internal detail of the core"),
  ];
  const sandbox = await pool.open(rawOptions(relay, { onHostCall: () => Promise.reject(failures.shift()) }));
  const ask = (): Promise<unknown> => sandbox.call("action", "x", null, { timeoutMs: 60_000 });
  assert.equal(await ask(), 'F7\n{"code":"PERMISSION_UNDECLARED","message":"not declared"}');
  assert.equal(await ask(), 'F7\n{"code":"INTERNAL","message":"the host call failed"}');
  await sandbox.close();
});

test("arguments that are no JSON are refused without asking anybody", async () => {
  let asked = 0;
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) {
      if (r[0] === "C") { this.id = idOf(r); say("H7 0 x\\n{"); } else say("V" + this.id + "\\n" + JSON.stringify(r));
    }`,
      {
        onHostCall: () => {
          asked += 1;
          return Promise.resolve(null);
        },
      },
    ),
  );
  assert.match(
    String(await sandbox.call("action", "x", null, { timeoutMs: 60_000 })),
    /^F7\n.*INPUT_INVALID/s,
  );
  assert.equal(asked, 0);
  await sandbox.close();
});

test("the signal of a host call fires when its caller's deadline passes", async () => {
  const aborted: XcoreError[] = [];
  const sandbox = await pool.open(
    rawOptions(relay, {
      onHostCall: ({ signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted.push(signal.reason);
            reject(signal.reason);
          });
        }),
    }),
  );
  // On a busy machine the guest may not come to ask before its caller's time is over.
  for (let timeoutMs = 50; aborted.length === 0; timeoutMs *= 2) {
    await assert.rejects(sandbox.call("action", "x", null, { timeoutMs }), { code: "PLUGIN_TIMEOUT" });
  }
  assert.ok(["CALL_CANCELLED", "PLUGIN_TIMEOUT"].includes(aborted[0]?.code ?? ""));
  await sandbox.close();
});

test("the signal of a host call fires when the guest cancels it or the sandbox is closed", async () => {
  const signals: AbortSignal[] = [];
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) {
      if (r[0] !== "C") return;
      say("H1 0 a\\n{}"); say("H2 0 a\\n{}"); say("X1\\n"); say("V" + idOf(r) + "\\n1");
    }`,
      {
        onHostCall: ({ signal }) => {
          signals.push(signal);
          return new Promise(() => undefined);
        },
      },
    ),
  );
  await sandbox.call("action", "x", null, { timeoutMs: 60_000 });
  assert.deepEqual(
    signals.map((signal) => signal.aborted),
    [true, false],
  );
  await sandbox.close();
  assert.equal(signals[1]?.aborted, true);
});

test("an id that is used anew after a cancellation is not answered by the call that had it before", async () => {
  const answers: ((value: string) => void)[] = [];
  const sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) {
        if (r[0] === "C") { this.id = idOf(r); say("H7 " + this.id + " old\\nnull"); say("X7\\n"); }
        else if (r[0] === "F") say("H7 " + this.id + " new\\nnull");
        else say("V" + this.id + "\\n" + JSON.stringify(r));
      }`,
      {
        onHostCall: ({ name }) => {
          const { promise, resolve } = Promise.withResolvers<string>();
          answers.push(resolve);
          if (name === "new") {
            answers[0]?.("late");
            setImmediate(resolve, "right");
          }
          return promise;
        },
      },
    ),
  );
  assert.equal(await sandbox.call("action", "x", null, { timeoutMs: 60_000 }), 'R7\n"right"');
  await sandbox.close();
});

test("more host calls at once than allowed are refused with QUOTA_EXCEEDED, and the sandbox lives", async () => {
  const sandbox = await pool.open(
    rawOptions(
      `n: 0, failed: 0, onRecord(r, say) {
      if (r[0] === "C" && !this.id) { this.id = idOf(r); for (let i = 1; i <= ${maxHostCalls + 50}; i++) say("H" + i + " 0 x\\n{}"); }
      else if (r[0] === "F" && r.includes("QUOTA_EXCEEDED") && ++this.failed === 50) say("V" + this.id + "\\n50");
    }`,
      { onHostCall: () => new Promise(() => undefined) },
    ),
  );
  assert.equal(await sandbox.call("action", "x", null, { timeoutMs: 60_000 }), 50);
  await sandbox.close();
});

test("an answer too large for one record is refused with QUOTA_EXCEEDED", async () => {
  const sandbox = await pool.open(
    rawOptions(relay, { onHostCall: () => Promise.resolve("x".repeat(17 * 1024 ** 2)) }),
  );
  assert.match(
    String(await sandbox.call("action", "x", null, { timeoutMs: 60_000 })),
    /^F7\n.*QUOTA_EXCEEDED/s,
  );
  await sandbox.close();
});

test("answers that a guest does not read are refused once too much of them waits, and the sandbox lives", async () => {
  const megabyte = "x".repeat(1024 ** 2);
  let asked = 0;
  const sandbox: Sandbox = await pool.open(
    rawOptions(
      `onRecord(r, say) {
        if (r[0] === "C") {
          this.id = idOf(r); this.seen = { R: 0, F: 0 };
          for (let i = 1; i <= 100; i += 1) say("H" + i + " 0 big\\n{}");
          return;
        }
        this.seen[r[0]] += 1;
        if (this.seen.R + this.seen.F === 100) say("V" + this.id + "\\n" + JSON.stringify(this.seen));
      }`,
      {
        async onHostCall() {
          asked += 1;
          const { hostPid } = sandbox.stats();
          if (asked === 1) process.kill(hostPid, "SIGSTOP");
          if (asked === 100) setTimeout(() => process.kill(hostPid, "SIGCONT"), 50);
          return megabyte;
        },
        limits: { memoryBytes: 256 * 1024 ** 2 },
      },
    ),
  );
  const seen = (await sandbox.call("action", "x", null, { timeoutMs: 60_000 })) as { R: number; F: number };
  assert.equal(seen.R + seen.F, 100);
  assert.ok(seen.F > 0, "some were refused");
  await sandbox.close();
});
