import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { array, assert as holds, asyncProperty, constantFrom, nat, oneof, record, tuple } from "fast-check";
import { CancelOnce } from "../../../src/core/base/cancel.ts";
import { XcoreError } from "../../../src/core/base/error.ts";
import type { BodySource, BodyTarget } from "../../../src/core/sandbox/request-feed.ts";
import type { PluginResponse } from "../../../src/core/sandbox/sandbox.ts";
import { chunkCost, maxChunkLength, streamWindow } from "../../../src/wire/protocol.ts";
import { until } from "../../support/services.ts";
import { undisturbed } from "../../support/steady.ts";
import { remote, request } from "./remote.ts";

/** A body that the test gives piece by piece. */
class Given implements BodySource {
  target: BodyTarget | undefined;
  readonly told: string[] = [];
  open(into: BodyTarget): void {
    this.target = into;
  }
  pause = (): void => void this.told.push("pause");
  resume = (): void => void this.told.push("resume");
  close = (): void => void this.told.push("close");
}

/** A sink that keeps what it is given, and says that it was consumed when the test wants it. */
class Kept {
  text = "";
  end: "open" | "whole" | XcoreError = "open";
  unconsumed: (() => void)[] = [];
  cost = 0;
  constructor(response: PluginResponse) {
    response.stream?.pipe({
      chunk: (text, encoding, consumed) => {
        assert.equal(this.end, "open");
        this.text += text;
        this.cost += chunkCost(text.length);
        this.unconsumed.push(() => {
          this.cost -= chunkCost(text.length);
          consumed();
        });
      },
      end: () => this.#finish("whole"),
      fail: (error) => this.#finish(error),
    });
  }
  #finish(end: "whole" | XcoreError): void {
    assert.equal(this.end, "open");
    this.end = end;
  }
}

const opened = async (
  limits: Parameters<typeof remote>[0] = {},
): Promise<ReturnType<typeof remote> & { response: PluginResponse; kept: Kept }> => {
  const made = remote(limits);
  const answer = made.sandbox.request(request, { timeoutMs: 60_000 });
  made.say("S1 200 3\na\nb");
  const response = await answer;
  return { ...made, response, kept: new Kept(response) };
};

function endedWith(end: unknown, code: string): void {
  assert.equal(end instanceof XcoreError ? end.code : end, code);
}

const aborts = (sent: readonly string[]): string[] => sent.filter((text) => text.startsWith("A"));

suite("a streamed answer", () => {
  test("is given with its head, and its chunks in order, also those that came before anybody piped", async () => {
    const { sandbox, say } = remote();
    const answer = sandbox.request(request, { timeoutMs: 60_000 });
    say("S1 201 3\na\nb", "D1 latin1\none ");
    const response = await answer;
    assert.equal(response.status, 201);
    assert.deepEqual(response.headers, ["a", "b"]);
    const kept = new Kept(response);
    say("D1 latin1\ntwo", "Z1\n");
    assert.deepEqual([kept.text, kept.end], ["one two", "whole"]);
    await response.stream?.over;
  });

  test("gives credit for what was consumed, and for nothing else", async () => {
    const { say, sent, kept } = await opened();
    say(`D1 latin1\n${"x".repeat(20_000)}`);
    assert.ok(!sent.some((text) => text.startsWith("G")));
    for (const consume of kept.unconsumed) consume();
    assert.equal(sent.at(-1), `G1 ${chunkCost(20_000)}\n`);
  });

  test("is cut off by the guest's error, by the end of the sandbox and by its quota, and each says why", async () => {
    const failed = await opened();
    failed.say("D1 latin1\nhalf", `E1\n{"message":"broken"}`);
    endedWith(failed.kept.end, "PLUGIN_ERROR");

    const closed = await opened();
    await closed.sandbox.close();
    endedWith(closed.kept.end, "PLUGIN_NOT_READY");

    const large = await opened({ limits: { streamBytes: 1000 } });
    large.say(`D1 latin1\n${"x".repeat(1001)}`);
    endedWith(large.kept.end, "QUOTA_EXCEEDED");
    assert.deepEqual(aborts(large.sent), ["A1\n"]);
    large.say("D1 latin1\nlate", "Z1\n");
    assert.equal(large.sandbox.reason, undefined);
  });

  test("ends when nothing moves, when its client reads nothing, and when it lasts too long", async () => {
    const over = async (made: Awaited<ReturnType<typeof opened>>): Promise<unknown> => {
      await made.response.stream?.over;
      return made.kept.end;
    };
    const idle = await opened({ limits: { streamIdleMs: 20 } });
    endedWith(await over(idle), "PLUGIN_TIMEOUT");
    const stalled = await opened({ limits: { streamIdleMs: 20 } });
    stalled.say("D1 latin1\nx");
    endedWith(await over(stalled), "CALL_CANCELLED");
    const long = await opened({ limits: { streamTimeMs: 20 } });
    endedWith(await over(long), "PLUGIN_TIMEOUT");
  });

  test("that is an event stream ends well when its revision goes, also one that begins then", async () => {
    const { sandbox, say, sent } = remote();
    const begin = async (id: number): Promise<Kept> => {
      const answer = sandbox.request(request, { timeoutMs: 60_000 });
      const head = "Content-Type\ntext/event-stream; charset=utf-8";
      say(`S${id} 200 ${head.length}\n${head}`, `D${id} latin1\ndata: 1\n\n`);
      return new Kept(await answer);
    };
    const first = await begin(1);
    const other = sandbox.request(request, { timeoutMs: 60_000 });
    say("S2 200 0\n");
    const plain = new Kept(await other);
    sandbox.endStreams("reload");
    assert.deepEqual([first.text, first.end, plain.end], ["data: 1\n\n", "whole", "open"]);
    assert.equal((await begin(3)).end, "whole");
    assert.deepEqual(aborts(sent), ["A1\n", "A3\n"]);
  });

  test("whose client goes is told to the guest once, and host calls on its behalf end", async () => {
    const signals: AbortSignal[] = [];
    const { response, say, sent } = await opened({
      onHostCall: ({ signal }) => {
        signals.push(signal);
        return new Promise(() => undefined);
      },
    });
    say("H7 1 slow\n{}");
    response.stream?.cancel();
    response.stream?.cancel();
    assert.deepEqual(aborts(sent), ["A1\n"]);
    assert.equal(signals[0]?.aborted, true);
  });
});

suite("a streamed request", () => {
  const send = (made: ReturnType<typeof remote>): { body: Given; answer: Promise<PluginResponse> } => {
    const body = new Given();
    const answer = made.sandbox.request({ ...request, streamed: true }, { timeoutMs: 60_000, body });
    answer.catch(() => undefined);
    return { body, answer };
  };

  test("is sent as far as the window reaches, and its source rests until there is credit", () => {
    const made = remote();
    const { body } = send(made);
    body.target?.push("x".repeat(100_000));
    const chunks = made.sent.filter((text) => text.startsWith("D1 latin1\n"));
    const cost = chunks.reduce((sum, text) => sum + chunkCost(text.length - "D1 latin1\n".length), 0);
    assert.ok(cost <= streamWindow && cost > streamWindow - 100);
    assert.equal(body.told.at(-1), "pause");
    made.say(`G1 ${cost}\n`);
    assert.equal(body.told.at(-1), "resume");
    body.target?.end();
    assert.equal(made.sent.at(-1), "Z1\n");
  });

  test("is let go when the guest answers, says it reads no more, or fails; or when the client goes", async () => {
    const answers = ["P1 204 utf8 0\n", "K1\n", `E1\n{"message":"x"}`];
    for (const answer of answers) {
      const made = remote();
      const { body } = send(made);
      made.say(answer);
      assert.deepEqual(body.told, ["close"], answer);
      body.target?.push("late");
      body.target?.end();
      assert.equal(made.sent.length, 1, answer);
    }
    const made = remote();
    const gone = new CancelOnce();
    const body = new Given();
    const answer = made.sandbox.request(request, { timeoutMs: 60_000, signal: gone, body });
    gone.cancel();
    await assert.rejects(answer, { code: "CALL_CANCELLED" });
    assert.deepEqual(body.told, ["close"]);
  });

  test("that keeps coming has its time anew with each piece", async () => {
    await undisturbed(async () => {
      const made = remote();
      const body = new Given();
      const answer = made.sandbox.request(request, { timeoutMs: 200, body });
      answer.catch(() => undefined);
      const end = performance.now() + 500;
      while (performance.now() < end) {
        body.target?.push("x");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      made.say("P1 204 utf8 0\n");
      const { status } = await answer;
      assert.equal(status, 204);
    });
  });
});

const window = `D1 latin1\n${"x".repeat(maxChunkLength)}`;
const head = "S1 200 0\n";
const breaches: Record<string, string[]> = {
  "a chunk before the head": ["D1 latin1\nx"],
  "an end before the head": ["Z1\n"],
  "a second head": [head, head],
  "a head for a call that nobody made": ["S9 200 0\n"],
  "a head for an action": ["S2 200 0\n"],
  "a head longer than it is": ["S1 200 5\na\nb"],
  "a head with a status that does not exist": ["S1 999 0\n"],
  "a chunk for another's call": [head, "D2 latin1\nx"],
  "a chunk of a call that nobody made": [head, "D9 latin1\nx"],
  "a chunk after the end": [head, "Z1\n", "D1 latin1\nx"],
  "a second end": [head, "Z1\n", "Z1\n"],
  "a chunk after the answer was whole": ["P1 204 utf8 0\n", "D1 latin1\nx"],
  "a chunk after an error": [head, `E1\n{"message":"x"}`, "D1 latin1\nx"],
  "more than the window": [head, window, window],
  "an empty chunk": [head, "D1 latin1\n"],
  "a chunk that is too long": [head, `${window}x`],
  "a chunk of an unknown encoding": [head, "D1 utf16\nx"],
  "a whole answer after a head": [head, "P1 204 utf8 0\n"],
  "a value after a head": [head, "V1\n1"],
  "credit for a body that is not streamed": ["G1 1\n"],
  "credit for what was not sent": ["G3 1\n"],
  "credit after the answer": ["P3 204 utf8 0\n", "G3 0\n"],
  "refusing a body that is not streamed": ["K1\n"],
  "refusing a body twice": ["K3\n", "K3\n"],
  "a credit that is no number": ["G3 -1\n"],
};

suite("the guest breaks the protocol by", () => {
  for (const [name, records] of Object.entries(breaches)) {
    test(name, async () => {
      const { sandbox, say, ended } = remote();
      const body = new Given();
      const answers = [
        sandbox.request(request, { timeoutMs: 60_000 }).then((response) => new Kept(response)),
        sandbox.call("action", "x", null, { timeoutMs: 60_000 }),
        sandbox.request(request, { timeoutMs: 60_000, body }),
      ];
      const settled = Promise.allSettled(answers);
      for (const text of records) say(text);
      assert.equal((await ended).code, "PLUGIN_PROTOCOL");
      assert.deepEqual(body.told, ["close"]);
      await settled;
    });
  }
});

test("whatever order records of streams come in, windows hold, ends are final, and an end has a coded reason", async () => {
  const id = nat({ max: 4 });
  const step = oneof(
    tuple(constantFrom("S# 200 0\n", "Z#\n", "K#\n", "P# 204 utf8 0\n", `E#\n{"message":"x"}`, "V#\n1"), id),
    tuple(
      nat({ max: 2 * maxChunkLength }).map((length) => `D# latin1\n${"x".repeat(length)}`),
      id,
    ),
    tuple(
      nat({ max: streamWindow * 2 }).map((units) => `G# ${units}\n`),
      id,
    ),
    tuple(constantFrom("request", "upload", "cancel", "consume", "push", "finish", "lasting"), id),
  );
  await holds(
    asyncProperty(array(record({ what: step }), { maxLength: 12 }), async (steps) => {
      const { sandbox, say, sent } = remote();
      const kepts: Kept[] = [];
      const bodies: Given[] = [];
      const gone: CancelOnce[] = [];
      const answers: Promise<unknown>[] = [];
      const ask = (body?: Given): void => {
        const signal = new CancelOnce();
        gone.push(signal);
        if (body !== undefined) bodies.push(body);
        const options = { timeoutMs: 60_000, signal, ...(body === undefined ? {} : { body }) };
        const keep = (response: PluginResponse): unknown =>
          response.stream === undefined ? undefined : kepts.push(new Kept(response));
        const answer = sandbox.request(request, options).then(keep);
        answers.push(answer.catch((error: unknown) => assert.ok(error instanceof XcoreError)));
      };
      ask();
      for (const {
        what: [text, at],
      } of steps) {
        if (text === "request") ask();
        else if (text === "upload") ask(new Given());
        else if (text === "cancel") gone[at]?.cancel();
        else if (text === "consume") for (const consume of kepts[at]?.unconsumed.splice(0) ?? []) consume();
        else if (text === "push") bodies[at]?.target?.push("y".repeat(40_000));
        else if (text === "finish") bodies[at]?.target?.end();
        else if (text === "lasting") sandbox.endStreams("reload");
        else say(text.replace("#", String(at)));
        if (at === 0) await undefined;
        for (const { cost } of kepts) assert.ok(cost <= streamWindow);
        for (let call = 1; call <= bodies.length + gone.length; call += 1) {
          const chunks = sent.filter((given) => given.startsWith(`D${call} `)).length;
          assert.ok(chunks <= 40);
        }
      }
      assert.ok(sandbox.reason === undefined || sandbox.reason.code === "PLUGIN_PROTOCOL");
      await sandbox.close();
      await Promise.all(answers);
      for (const { end } of kepts) assert.ok(end === "whole" || end instanceof XcoreError || end === "open");
    }),
    { numRuns: 10_000 },
  );
});

test("a guest that keeps to the rules is never ended, and nothing of what it says is lost or doubled", async () => {
  await holds(
    asyncProperty(array(tuple(nat({ max: 3 }), nat({ max: 5 }), nat({ max: 40_000 }))), async (steps) => {
      const { sandbox, say, sent } = remote();
      const streams: { said: string; over: boolean; credit: number; read: number; kept?: Kept }[] = [];
      const answers: Promise<void>[] = [];
      for (const [which, act, length] of steps) {
        const stream = streams[which];
        const id = which + 1;
        if (stream === undefined) {
          const made = { said: "", over: false, credit: streamWindow, read: 0 };
          const at = streams.push(made);
          const answer = sandbox.request(request, { timeoutMs: 60_000 });
          say(`S${at} 200 0\n`);
          answers.push(answer.then((response) => void Object.assign(made, { kept: new Kept(response) })));
          if (act > 2) await answers.at(-1);
          continue;
        }
        for (; stream.read < sent.length; stream.read += 1) {
          const [, units] = new RegExp(`^G${id} (\\d+)\n`).exec(sent[stream.read] ?? "") ?? [];
          if (units !== undefined) stream.credit += Number(units);
        }
        if (stream.over) continue;
        const most = Math.min(length, maxChunkLength, stream.credit - chunkCost(0));
        if (act === 0) {
          say(`Z${id}\n`);
          stream.over = true;
        } else if (act === 1) {
          for (const consume of stream.kept?.unconsumed.splice(0) ?? []) consume();
        } else if (most > 0) {
          const text = String.fromCharCode(97 + act).repeat(most);
          say(`D${id} latin1\n${text}`);
          stream.said += text;
          stream.credit -= chunkCost(most);
        }
      }
      await Promise.all(answers);
      assert.equal(sandbox.reason, undefined);
      // What was said while the core's time for it was used up is heard a moment later.
      const heard = ({ said, over, kept }: (typeof streams)[number]): boolean =>
        (kept?.text.length ?? 0) >= said.length && (!over || kept?.end !== "open");
      if (!streams.every(heard)) await until(() => streams.every(heard));
      for (const { said, over, kept } of streams) {
        assert.ok(kept?.text === said);
        assert.equal(kept?.end, over ? "whole" : "open");
      }
      await sandbox.close();
    }),
    { numRuns: 5000 },
  );
});
