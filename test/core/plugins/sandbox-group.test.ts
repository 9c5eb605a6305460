// Several isolates behind one sandbox, in real hosts: who is given a call, and what is left when one ends.
import assert from "node:assert/strict";
import { test } from "node:test";
import { XcoreError } from "../../../src/core/base/error.ts";
import { SandboxGroup, type SandboxGroupOptions } from "../../../src/core/plugins/sandbox-group.ts";
import { until } from "../../support/services.ts";
import { testPool } from "../sandbox/pool.ts";
import { rawOptions } from "../sandbox/raw.ts";

const pool = await testPool();
let groups = 0;

/** Answers "its number:the how-manieth call it is", `start` being the first; keeps a call, or breaks the protocol, when it is asked to. */
const counting = (at: number): string => `onRecord(r, say) {
  if (r.endsWith('"break"')) say("nonsense");
  else if (r[0] === "C") {
    this.calls = (this.calls ?? 0) + 1;
    if (!r.endsWith('"keep"')) say("V" + idOf(r) + '\\n"${at}:' + this.calls + '"');
  }
}`;

interface Grouped {
  all: SandboxGroup;
  losses: string[];
  ended: Promise<XcoreError>;
  name: string;
  ask(payload?: string): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
}

async function opened(more: Partial<SandboxGroupOptions> = {}): Promise<Grouped> {
  const name = `group-${(groups += 1)}`;
  const losses: string[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<XcoreError>();
  const all = await SandboxGroup.open({
    count: 2,
    startTimeoutMs: 60_000,
    open: (at, options) => pool.open(rawOptions(counting(at), { group: `${name}/${at}`, ...options })),
    onEnd: resolve,
    ...more,
    onLoss(reason) {
      losses.push(reason.code);
      return more.onLoss?.(reason) ?? "never";
    },
  });
  const ask = (payload = ""): Promise<unknown> => all.call("action", "x", payload, { timeoutMs: 60_000 });
  return { all, losses, ended, name, ask, [Symbol.asyncDispose]: () => all.close() };
}

const start = (all: SandboxGroup): Promise<unknown> =>
  all.call("start", "start", null, { timeoutMs: 60_000 });

test("each has a host of its own and is started; idle ones take turns, a busy one is passed over", async () => {
  await using it = await opened();
  const hosts = pool.hosts().filter(({ group }) => group.startsWith(it.name));
  assert.equal(new Set(hosts.map(({ pid }) => pid)).size, 2);
  assert.equal(await start(it.all), null);
  const answers = [await it.ask(), await it.ask(), await it.ask(), await it.ask()].sort();
  assert.deepEqual(answers, ["0:2", "0:3", "1:2", "1:3"]);
  const kept = assert.rejects(it.ask("keep"));
  const others = new Set([await it.ask(), await it.ask(), await it.ask()].map((one) => String(one)[0]));
  assert.equal(others.size, 1, "the one that has nothing to do answers all of them");
  assert.equal(it.all.stats().isolates, 2);
  await it.all.close();
  await kept;
});

test("one that ends takes its own calls along; the others go on, and it is opened and started again", async () => {
  await using it = await opened({ onLoss: () => 0 });
  await start(it.all);
  await assert.rejects(it.ask("break"), { code: "PLUGIN_PROTOCOL" });
  assert.match(String(await it.ask()), /:2$/, "the other one, at once");
  await until(() => it.all.stats().isolates === 2);
  const both = [await it.ask(), await it.ask()].map((one) => String(one)[0]).sort();
  assert.deepEqual(both, ["0", "1"]);
  assert.deepEqual(it.losses, ["PLUGIN_PROTOCOL"]);
});

test("one that can't be opened again is told of each time; the end of the last one is the end of all", async () => {
  let isBroken = false;
  await using it = await opened({
    open: (at, options) =>
      isBroken
        ? Promise.reject(new XcoreError("PLUGIN_START", "not again"))
        : pool.open(rawOptions(counting(at), { group: `again/${at}`, ...options })),
    onLoss: ({ code }) => (code === "PLUGIN_START" ? "never" : 1),
  });
  await start(it.all);
  isBroken = true;
  await assert.rejects(it.ask("break"), { code: "PLUGIN_PROTOCOL" });
  await until(() => it.losses.length === 2);
  assert.deepEqual(it.losses, ["PLUGIN_PROTOCOL", "PLUGIN_START"]);
  await assert.rejects(it.ask("break"), { code: "PLUGIN_PROTOCOL" });
  assert.equal((await it.ended).code, "PLUGIN_PROTOCOL");
  await assert.rejects(
    it.ask(),
    { code: "PLUGIN_PROTOCOL" },
    "from then on its reason is that of every call",
  );
  assert.equal(it.losses.length, 2);
});

test("a loss may be the end of all: it is told once, with the first reason", async () => {
  await using it = await opened({ onLoss: () => "end" });
  await start(it.all);
  await assert.rejects(it.ask("break"), { code: "PLUGIN_PROTOCOL" });
  assert.equal((await it.ended).code, "PLUGIN_PROTOCOL");
  await assert.rejects(it.ask(), { code: "PLUGIN_PROTOCOL" });
});

test("when one of them can't be opened none is left open", async () => {
  const refused = SandboxGroup.open({
    count: 3,
    startTimeoutMs: 60_000,
    open: (at, options) =>
      at === 1
        ? Promise.reject(new XcoreError("PLUGIN_START", "not this one"))
        : pool.open(rawOptions(counting(at), { group: `partly/${at}`, ...options })),
    onLoss: () => "never",
    onEnd: () => undefined,
  });
  await assert.rejects(refused, { code: "PLUGIN_START" });
  await until(() => pool.hosts().every(({ group }) => !group.startsWith("partly/")));
});
