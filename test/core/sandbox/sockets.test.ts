import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { array, asyncProperty, assert as holds, constantFrom, nat, oneof, tuple } from "fast-check";
import { XcoreError } from "../../../src/core/base/error.ts";
import type { PluginResponse } from "../../../src/core/sandbox/sandbox.ts";
import type { SocketPeer, SocketPiece } from "../../../src/core/sandbox/socket-channel.ts";
import { chunkCost, maxChunkLength, streamWindow } from "../../../src/wire/protocol.ts";
import { until } from "../../support/services.ts";
import { undisturbed } from "../../support/steady.ts";
import type { RawPlugin } from "./raw.ts";
import { remote, request } from "./remote.ts";

function dialling(options: RawPlugin = {}) {
  const made = remote(options);
  const dial = (): Promise<PluginResponse> =>
    made.sandbox.request(request, { timeoutMs: 60_000, upgrade: true });
  return { ...made, dial };
}

/** The client's end, which keeps what it is told. */
class Peer implements SocketPeer {
  pieces: SocketPiece[] = [];
  unsent: (() => void)[] = [];
  cost = 0;
  closes: { code: number; reason: string; fault?: XcoreError | undefined }[] = [];
  pings = 0;
  paused = false;
  send(piece: SocketPiece, sent: () => void): void {
    assert.equal(this.closes.length, 0);
    this.pieces.push(piece);
    this.cost += chunkCost(piece.text.length);
    this.unsent.push(() => {
      this.cost -= chunkCost(piece.text.length);
      sent();
    });
  }
  close(code: number, reason: string, fault?: XcoreError): void {
    this.closes.push({ code, reason, fault });
  }
  ping(): void {
    this.pings += 1;
  }
  pause(): void {
    this.paused = true;
  }
  resume(): void {
    this.paused = false;
  }
}

async function connected(options: RawPlugin = {}) {
  const made = dialling(options);
  const answer = made.dial();
  made.say("U1 3\na\nb");
  const { socket, headers } = await answer;
  assert.ok(socket !== undefined);
  assert.deepEqual(headers, ["a", "b"]);
  const peer = new Peer();
  socket.connect(peer);
  return { ...made, socket, peer };
}

suite("a socket", () => {
  test("hands on what the guest says, also what it said before the handshake, and gives credit for what has left", async () => {
    const { say, dial, sent } = dialling();
    const answer = dial();
    say("U1 0\n", "M1 utf8 1\nhello", `M1 latin1 0\n${"x".repeat(20_000)}`, "M1 latin1 1\n");
    const peer = new Peer();
    (await answer).socket?.connect(peer);
    assert.deepEqual(
      peer.pieces.map(({ text, encoding, last }) => [text.length, encoding, last]),
      [
        [5, "utf8", true],
        [20_000, "latin1", false],
        [0, "latin1", true],
      ],
    );
    assert.ok(!sent.some((text) => text.startsWith("G")));
    for (const leave of peer.unsent) leave();
    assert.match(sent.at(-1) ?? "", /^G1 \d+\n$/);
  });

  test("gives the guest what the client says as far as there is room, whole characters each", async () => {
    const { socket, peer, sent, say } = await connected();
    const text = "🎈".repeat(60_000);
    socket.hear(text, "utf8");
    const pieces = (): string[] => sent.filter((record) => record.startsWith("M1 utf8"));
    const cost = (): number =>
      pieces().reduce((sum, record) => sum + chunkCost(record.length - "M1 utf8 0\n".length), 0);
    let credited = 0;
    for (
      let round = 0;
      round < 10 && !pieces().some((record) => record.startsWith("M1 utf8 1"));
      round += 1
    ) {
      assert.ok(cost() - credited <= streamWindow);
      assert.equal(peer.paused, true);
      const units = cost() - credited;
      credited += units;
      say(`G1 ${units}\n`);
    }
    assert.equal(peer.paused, false);
    const parts = pieces().map((record) => record.slice("M1 utf8 0\n".length));
    assert.ok(parts.every((part) => part.isWellFormed()));
    assert.ok(parts.join("") === text);
  });

  test("that the client closes is told to the guest behind what the client has said", async () => {
    const { socket, sent, say } = await connected();
    socket.hear("x".repeat(100_000), "latin1");
    socket.closed(4000, "done");
    assert.ok(!sent.some((record) => record.startsWith("W")));
    const used = sent.reduce(
      (sum, record) => sum + (record.startsWith("M") ? chunkCost(record.length - 12) : 0),
      0,
    );
    say(`G1 ${used}\n`);
    assert.equal(sent.at(-1), "W1 4000\ndone");
    say("M1 utf8 1\nlate", "W1 1000\n");
    await socket.over;
  });

  test("is closed by the guest, by its limits, by the end of the sandbox, by a reload and by a stop, each with its code", async () => {
    const left = await connected();
    left.say("W1 4001\nenough");
    assert.deepEqual(left.peer.closes, [{ code: 4001, reason: "enough", fault: undefined }]);
    const closing: [
      string,
      RawPlugin["limits"],
      (made: Awaited<ReturnType<typeof connected>>) => unknown,
      number,
    ][] = [
      ["end", {}, ({ sandbox }) => sandbox.end(new XcoreError("PLUGIN_CPU_LIMIT", "x")), 1011],
      ["reload", {}, ({ sandbox }) => sandbox.endStreams("reload"), 1012],
      ["stop", {}, ({ sandbox }) => sandbox.endStreams("stop"), 1001],
      ["size", { streamBytes: 10 }, ({ say }) => say("M1 utf8 1\nmore than ten"), 1008],
      [
        "size of the client's",
        { streamBytes: 10 },
        ({ socket }) => socket.hear("more than ten", "utf8"),
        1008,
      ],
      ["idle", { streamIdleMs: 40 }, ({ socket }) => socket.over, 1001],
      ["time", { streamTimeMs: 40 }, ({ socket }) => socket.over, 1001],
    ];
    for (const [name, limits, act, code] of closing) {
      const made = await connected({ limits: limits ?? {} });
      await act(made);
      assert.deepEqual(
        made.peer.closes.map((close) => close.code),
        [code],
        name,
      );
      await made.socket.over;
    }
  });

  test("whose client answers pings stays", async () => {
    await undisturbed(async () => {
      const { socket, peer } = await connected({ limits: { streamIdleMs: 3000 } });
      await until(() => peer.pings > 0 || peer.closes.length > 0);
      socket.alive();
      assert.deepEqual(peer.closes, []);
      socket.closed(1000, "");
    });
  });

  test("that begins while its revision goes is closed at once", async () => {
    const { sandbox, say, dial } = dialling();
    const answer = dial();
    sandbox.endStreams("stop");
    sandbox.endStreams("reload");
    say("U1 0\n");
    const peer = new Peer();
    (await answer).socket?.connect(peer);
    assert.deepEqual(
      peer.closes.map(({ code }) => code),
      [1001],
    );
  });

  test("for a request that asks for none fails that call only", async () => {
    const { sandbox, say } = dialling();
    const answer = sandbox.request(request, { timeoutMs: 60_000 });
    say("U1 0\n", "M1 utf8 1\nlate");
    await assert.rejects(answer, { code: "PLUGIN_BAD_RESPONSE" });
    assert.equal(sandbox.reason, undefined);
  });
});

const piece = `M1 utf8 0\n${"x".repeat(maxChunkLength)}`;
const breaches: Record<string, string[]> = {
  "a message before it accepts": ["M1 utf8 1\nx"],
  "closing before it accepts": ["W1 1000\n"],
  "accepting twice": ["U1 0\n", "U1 0\n"],
  "accepting after an answer": ["P1 204 utf8 0\n", "U1 0\n"],
  "accepting for a call that nobody made": ["U9 0\n"],
  "accepting an action": ["U2 0\n"],
  "a head that is longer than it is": ["U1 9\nx"],
  "more than the window": ["U1 0\n", piece, piece],
  "a piece that is too long": ["U1 0\n", `${piece}x`],
  "an empty piece that is not the last": ["U1 0\n", "M1 utf8 0\n"],
  "a piece that is neither": ["U1 0\n", "M1 utf8 2\nx"],
  "a message of two kinds": ["U1 0\n", "M1 utf8 0\nx", "M1 latin1 1\nx"],
  "a message for another's call": ["U1 0\n", "M2 utf8 1\nx"],
  "a message after closing": ["U1 0\n", "W1 1000\n", "M1 utf8 1\nx"],
  "closing twice": ["U1 0\n", "W1 1000\n", "W1 1000\n"],
  "closing with a code that may not be said": ["U1 0\n", "W1 1006\n"],
  "closing with a long reason": ["U1 0\n", `W1 1000\n${"x".repeat(124)}`],
  "credit for what the client did not say": ["U1 0\n", "G1 1\n"],
  "a chunk on a socket": ["U1 0\n", "D1 utf8\nx"],
  "an end on a socket": ["U1 0\n", "Z1\n"],
  "a whole answer on a socket": ["U1 0\n", "P1 204 utf8 0\n"],
  "refusing a body on a socket": ["U1 0\n", "K1\n"],
};

suite("the guest breaks the protocol by", () => {
  for (const [name, records] of Object.entries(breaches)) {
    test(name, async () => {
      const { sandbox, say, dial, ended } = dialling();
      const settled = Promise.allSettled([
        dial().then(({ socket }) => socket?.connect(new Peer())),
        sandbox.call("action", "x", null, { timeoutMs: 60_000 }),
      ]);
      for (const text of records) say(text);
      assert.equal((await ended).code, "PLUGIN_PROTOCOL");
      await settled;
    });
  }
});

test("whatever order records of sockets come in, windows hold, closes are final, and an end has a coded reason", async () => {
  const id = nat({ max: 3 });
  const length = nat({ max: 2 * maxChunkLength });
  const step = oneof(
    tuple(
      constantFrom("U# 0\n", "U# 0\n", "W# 1000\n", "W# 99\nx", "P# 204 utf8 0\n", `E#\n{"message":"x"}`),
      id,
    ),
    tuple(
      tuple(length, constantFrom("utf8 0", "utf8 1", "latin1 0", "latin1 1")).map(
        ([size, kind]) => `M# ${kind}\n${"x".repeat(size)}`,
      ),
      id,
    ),
    tuple(
      length.map((units) => `G# ${units}\n`),
      id,
    ),
    tuple(constantFrom("dial", "hear", "leave", "close", "reload"), id),
  );
  await holds(
    asyncProperty(array(step, { maxLength: 14 }), async (steps) => {
      const { sandbox, say, dial, sent } = dialling();
      const open: { peer: Peer; socket: NonNullable<PluginResponse["socket"]> }[] = [];
      const answers: Promise<unknown>[] = [];
      const call = (): void => {
        const answer = dial().then(({ socket }) => {
          if (socket === undefined) return undefined;
          const peer = new Peer();
          socket.connect(peer);
          return open.push({ peer, socket });
        });
        answers.push(answer.catch((error: unknown) => assert.ok(error instanceof XcoreError)));
      };
      call();
      for (const [text, at] of steps) {
        if (text === "dial") call();
        else if (text === "hear") open[at]?.socket.hear("y".repeat(50_000), "utf8");
        else if (text === "leave") for (const leave of open[at]?.peer.unsent.splice(0) ?? []) leave();
        else if (text === "close") open[at]?.socket.closed(1000, "");
        else if (text === "reload") sandbox.endStreams("reload");
        else say(text.replace("#", String(at)));
        if (at < 2) await undefined;
        for (const { peer } of open) {
          assert.ok(peer.cost <= streamWindow);
          assert.ok(peer.closes.length <= 1);
        }
      }
      assert.ok(sandbox.reason === undefined || sandbox.reason.code === "PLUGIN_PROTOCOL");
      await sandbox.close();
      await Promise.all(answers);
      for (const { socket } of open) await socket.over;
      for (let one = 1; one < 5; one += 1) {
        assert.ok(sent.filter((record) => record.startsWith(`W${one} `)).length <= 1);
      }
    }),
    { numRuns: 10_000 },
  );
});
