// The host calls of fetch as a plugin may say them that has taken over its own runtime: whatever it says, what is open stays bounded.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, test } from "node:test";
import {
  fetchCalls,
  type IncomingAnswer,
  type Send,
} from "../../../../src/core/services/fetch/fetch-calls.ts";
import type { HostCallName } from "../../../../src/wire/host-calls.ts";
import { identity, until } from "../../../support/services.ts";

const head = { url: "http://a.test/", method: "GET", headers: [], redirect: "follow" };

interface Desk {
  call(name: HostCallName, args: unknown, timeoutMs?: number): Promise<unknown>;
  /** The call is over. */
  over(): void;
  /** The signals of the requests that were sent. */
  readonly signals: AbortSignal[];
}

function desk(send: (at: number) => Readable, limits: object = {}): Desk {
  const signals: AbortSignal[] = [];
  const ends = new Set<() => void>();
  const sendOne: Send = (request, signal) => {
    const body = send(signals.length);
    signals.push(signal);
    body.on("error", () => undefined);
    signal.addEventListener("abort", () => body.destroy(signal.reason as Error));
    const answer: IncomingAnswer = {
      url: request.url,
      status: 200,
      statusText: "",
      redirected: false,
      headers: [],
      body,
    };
    return Promise.resolve(answer);
  };
  const plugin = identity("tester");
  const calls = fetchCalls({ ...plugin, limits: { ...plugin.limits, ...limits } }, sendOne);
  return {
    signals,
    call: async (name, args, timeoutMs = 5000) =>
      calls[name]?.(args, {
        signal: new AbortController().signal,
        timeoutMs,
        over: (end) => {
          ends.add(end);
          return () => ends.delete(end);
        },
      }),
    over: () => {
      for (const end of ends) end();
    },
  };
}

/** It gives as much as is asked for, and counts it. */
function endless(counted: { bytes: number } = { bytes: 0 }): Readable {
  return new Readable({
    read() {
      counted.bytes += 65_536;
      this.push(Buffer.alloc(65_536));
    },
  });
}

const never = (): Readable => new Readable({ read: () => undefined });

describe("the host calls of fetch", () => {
  test("a small answer comes with its head and leaves nothing open", async () => {
    const { call } = desk(() => Readable.from([Buffer.from("small")]));
    const { exchange, body } = (await call("fetch.request", head)) as { exchange?: number; body: string };
    assert.deepEqual([exchange, body], [undefined, "small"]);
  });

  test("no more of an answer is taken than is read", async () => {
    const counted = { bytes: 0 };
    const { call, over, signals } = desk(() => endless(counted));
    const { exchange } = (await call("fetch.request", head)) as { exchange: number };
    const begun = counted.bytes;
    assert.ok(begun < 1024 ** 2);
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(counted.bytes, begun);
    let read = 0;
    while (read < 4 * 1024 ** 2) read += ((await call("fetch.read", { exchange })) as string).length;
    assert.ok(counted.bytes < read + 1024 ** 2);
    over();
    assert.equal(signals[0]?.aborted, true);
    await assert.rejects(call("fetch.read", { exchange }), {
      code: "CALL_CANCELLED",
      message: /its call|it belongs to is over/,
    });
  });

  test("who waits is answered before its time is over, and asks again", async () => {
    const body = never();
    const { call } = desk(() => body);
    const { exchange } = (await call("fetch.request", head)) as { exchange: number };
    assert.equal(await call("fetch.read", { exchange }, 40), "");
    const next = call("fetch.read", { exchange });
    body.push("late");
    assert.equal(await next, "late");
    body.push(null);
    assert.equal(await call("fetch.read", { exchange }), null);
  });

  test("numbers that were never given, two reads at once and wrong shapes are refused", async () => {
    const { call } = desk(never);
    const { exchange } = (await call("fetch.request", head)) as { exchange: number };
    const refused = (name: HostCallName, args: unknown) =>
      assert.rejects(call(name, args), { code: "INPUT_INVALID" });
    const first = call("fetch.read", { exchange });
    await refused("fetch.read", { exchange });
    await refused("fetch.read", { exchange: 77 });
    await refused("fetch.head", { exchange });
    await refused("fetch.head", { exchange: 77 });
    for (const wrong of [null, 5, {}, { exchange: "1" }, { exchange: -1 }, { exchange: 1.5 }]) {
      for (const name of ["fetch.read", "fetch.head", "fetch.write", "fetch.cancel"] as const)
        await refused(name, wrong);
    }
    await refused("fetch.write", { exchange, text: 5 });
    await refused("fetch.open", { ...head, method: "get" });
    assert.equal(await call("fetch.write", { exchange, text: "x" }), "over");
    assert.equal(await call("fetch.write", { exchange: 77, text: "x" }), "over");
    assert.equal(await call("fetch.cancel", { exchange: 77 }), null);
    assert.equal(await call("fetch.cancel", { exchange }), null);
    await assert.rejects(first, { code: "CALL_CANCELLED" });
  });

  test("a hundred may be open: an answer that nobody reads makes room, one that is read does not", async () => {
    const { call, signals } = desk(() => endless());
    const open: number[] = [];
    for (let count = 0; count < 101; count += 1) {
      open.push(((await call("fetch.request", head)) as { exchange: number }).exchange);
    }
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [true, ...Array.from({ length: 100 }, () => false)],
    );
    for (const exchange of open.slice(1)) await call("fetch.read", { exchange });
    await assert.rejects(call("fetch.request", head), { code: "QUOTA_EXCEEDED", message: /100 bodies/ });
    await assert.rejects(call("fetch.open", head), { code: "QUOTA_EXCEEDED" });
    // The connection of the answer that found no room is let go.
    assert.equal(signals.at(-1)?.aborted, true);
  });

  test("a request's body is taken as far as it is sent, however much is said at once", async () => {
    let body: Readable | undefined;
    const plugin = identity("tester");
    const calls = fetchCalls(plugin, (request) => {
      body = request.body as Readable;
      return new Promise(() => undefined);
    });
    const context = { signal: new AbortController().signal, timeoutMs: 60 };
    const exchange = (await calls["fetch.open"]?.({ ...head, method: "POST" }, context)) as number;
    const text = "x".repeat(100_000);
    const said = await Promise.all(
      Array.from({ length: 20 }, () => calls["fetch.write"]?.({ exchange, text }, context)),
    );
    assert.deepEqual(said, ["taken", ...Array.from({ length: 19 }, () => "later")]);
    assert.equal(body?.readableLength, 100_000);
    assert.equal(await calls["fetch.head"]?.({ exchange }, context), null);
    body?.resume();
    const sent: Promise<unknown>[] = [];
    await until(async () => {
      sent.push(calls["fetch.write"]?.({ exchange, text }, context) ?? Promise.resolve());
      return (await sent.at(-1)) === "taken";
    });
    await calls["fetch.cancel"]?.({ exchange }, context);
    assert.equal(await calls["fetch.write"]?.({ exchange, text }, context), "over");
    assert.equal(body?.destroyed, true);
  });

  test("a body that stands still or lasts too long is cut, and more bytes than the plugin may move", async () => {
    const cut = async (limits: object, send: () => Readable, message: RegExp): Promise<void> => {
      const { call } = desk(send, limits);
      const { exchange } = (await call("fetch.request", head)) as { exchange: number };
      await assert.rejects(
        async () => {
          while ((await call("fetch.read", { exchange })) !== null) {
            await new Promise((resolve) => setImmediate(resolve));
          }
        },
        { message },
      );
    };
    await cut({ streamIdleMs: 30 }, never, /nothing moved for 30 ms/);
    await cut({ streamTimeMs: 30 }, () => endless(), /lasted longer than 30 ms/);
    await cut({ streamBytes: 300_000 }, () => endless(), /the answer is larger than/);
  });
});
