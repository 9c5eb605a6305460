import assert from "node:assert/strict";
import { test } from "node:test";
import { array, assert as holds, constantFrom, json, nat, oneof, property, string, tuple } from "fast-check";
import { XcoreError } from "../../../src/core/base/error.ts";
import { RemoteSandbox } from "../../../src/core/sandbox/remote-sandbox.ts";
import { encodeBatch } from "../../../src/wire/records.ts";
import { rawOptions } from "./raw.ts";

function remote(): { sandbox: RemoteSandbox; ends: XcoreError[]; left: number[] } {
  const ends: XcoreError[] = [];
  const left: number[] = [];
  const sandbox = new RemoteSandbox(rawOptions("", { onEnd: (reason) => ends.push(reason) }), {
    hostPid: 1,
    queued: () => 0,
    send: () => undefined,
    suspect: () => undefined,
    inspect: () => undefined,
    leave: () => left.push(1),
  });
  return { sandbox, ends, left };
}

const described = JSON.stringify({ routes: [], fetch: true, actions: {}, jobs: {}, events: [] });
const anyRecord = oneof(
  string({ maxLength: 40 }),
  tuple(
    constantFrom("P", "V", "E", "H", "X", "L", "Z", "S", "D", "G", "K"),
    nat({ max: 5 }),
    string({ maxLength: 20 }),
  ).map(([kind, id, rest]) => `${kind}${id}${rest}`),
  tuple(
    constantFrom(
      "V1\n",
      "E1\n",
      "E0\n",
      "V0\n",
      "H1 0 x\n",
      "Linfo\n",
      "P1 200 utf8 0\n",
      "S1 200 0\n",
      "D1 utf8\n",
    ),
    json(),
  ).map(([head, body]) => `${head}${body}`),
);

test("whatever a guest says, the core does not throw, and an end has a coded reason that comes once", async () => {
  const pending: Promise<unknown>[] = [];
  holds(
    property(array(oneof(array(anyRecord).map(encodeBatch), string())), (batches) => {
      const { sandbox, ends, left } = remote();
      sandbox.receive(encodeBatch([`V0\n${described}`]));
      pending.push(sandbox.call("action", "x", null, { timeoutMs: 60_000 }).catch((error: unknown) => error));
      for (const batch of batches) sandbox.receive(batch);
      assert.ok(ends.length <= 1);
      assert.ok(ends.every((end) => end instanceof XcoreError && end.code === "PLUGIN_PROTOCOL"));
      void sandbox.close();
      assert.equal(left.length, 1);
    }),
    { numRuns: 10_000 },
  );
  const failures = (await Promise.all(pending)).filter((result) => result instanceof Error);
  assert.ok(failures.every((failure) => failure instanceof XcoreError));
});

test("only the first reason of an end counts", async () => {
  const { sandbox, ends } = remote();
  sandbox.receive(encodeBatch([`V0\n${described}`]));
  const first = new XcoreError("PLUGIN_CPU_LIMIT", "first");
  sandbox.end(first);
  sandbox.end(new XcoreError("PLUGIN_CRASHED", "second"));
  assert.deepEqual(ends, [first]);
  await assert.rejects(sandbox.call("action", "x", null, { timeoutMs: 10 }), first);
});
