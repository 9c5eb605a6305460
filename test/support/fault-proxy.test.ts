// The fault proxy itself, with a server that answers in a known way.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { after, before, beforeEach, describe, test } from "node:test";
import { openFaultProxy, type FaultProxy } from "./fault-proxy.ts";
import { until } from "./services.ts";

/** Answers each request line: `echo <text>`, `big <bytes>`, `bye` (and ends). */
const upstream = createServer((socket) => {
  socket.on("error", () => undefined);
  socket.on("data", (data: Buffer) => {
    for (const line of data.toString().trim().split("\n")) {
      const [word, rest = ""] = line.split(" ");
      if (word === "echo") socket.write(`${rest}\n`);
      if (word === "big") socket.write(Buffer.alloc(Number(rest), "x"));
      if (word === "bye") socket.end("bye\n");
    }
  });
});

class Client {
  text = "";
  ended = false;
  fault: string | undefined;
  readonly socket: Socket;

  constructor(port: number) {
    this.socket = connect(port, "127.0.0.1");
    this.socket.on("data", (data: Buffer) => (this.text += data.toString()));
    this.socket.on("end", () => (this.ended = true));
    this.socket.on("error", (error) => (this.fault = (error as NodeJS.ErrnoException).code));
  }

  async heard(text: string): Promise<number> {
    const since = performance.now();
    await until(() => this.text.includes(text));
    return performance.now() - since;
  }
}

describe("the fault proxy", () => {
  let proxy: FaultProxy;
  const clients: Client[] = [];
  const open = (): Client => {
    const client = new Client(proxy.port);
    clients.push(client);
    return client;
  };

  before(async () => {
    upstream.listen(0, "127.0.0.1");
    await once(upstream, "listening");
    proxy = await openFaultProxy({ port: (upstream.address() as AddressInfo).port });
  });
  beforeEach(async () => {
    for (const client of clients.splice(0)) client.socket.destroy();
    await proxy.set({ kind: "pass" });
    await until(() => proxy.connections === 0);
  });
  after(async () => {
    for (const client of clients) client.socket.destroy();
    await proxy[Symbol.asyncDispose]();
    upstream.close();
    await once(upstream, "close");
  });

  test("passes what is said, both ways, and its end", async () => {
    const client = open();
    client.socket.write("echo hello\nbig 3000000\nbye\n");
    await until(() => client.ended);
    assert.equal(client.text, `hello\n${"x".repeat(3_000_000)}bye\n`);
    assert.equal(client.fault, undefined);
  });

  test("refuses: new connections are refused, present ones reset, and later the same port works again", async () => {
    const present = open();
    present.socket.write("echo hello\n");
    await present.heard("hello");
    await proxy.set({ kind: "refuse" });
    await until(() => present.fault === "ECONNRESET");
    const late = open();
    await until(() => late.fault === "ECONNREFUSED");
    await proxy.set({ kind: "pass" });
    const again = open();
    again.socket.write("echo again\n");
    await again.heard("again");
  });

  test("blackholes: connections are accepted and nothing flows; afterwards what was held back arrives", async () => {
    const present = open();
    present.socket.write("echo before\n");
    await present.heard("before");
    await proxy.set({ kind: "blackhole" });
    const fresh = open();
    await once(fresh.socket, "connect");
    present.socket.write("echo during\n");
    fresh.socket.write("echo fresh\n");
    await new Promise((resolve) => setTimeout(resolve, 150));
    assert.deepEqual([present.text, fresh.text], ["before\n", ""]);
    assert.deepEqual(
      [present.fault, fresh.fault, present.ended, fresh.ended],
      [undefined, undefined, false, false],
    );
    await proxy.set({ kind: "pass" });
    await present.heard("during");
    await fresh.heard("fresh");
  });

  test("delays each way without losing order or holding up what follows", async () => {
    await proxy.set({ kind: "latency", ms: 100 });
    const client = open();
    client.socket.write("echo one\n");
    assert.ok((await client.heard("one")) >= 190);
    for (let number = 0; number < 20; number += 1) client.socket.write(`echo n${number}\n`);
    client.socket.write("bye\n");
    await until(() => client.ended);
    const wanted = Array.from({ length: 20 }, (_, number) => `n${number}\n`).join("");
    assert.equal(client.text, `one\n${wanted}bye\n`);
  });

  test("throttles to a number of bytes a second", async () => {
    await proxy.set({ kind: "throttle", bytesPerSecond: 500_000 });
    const client = open();
    const since = performance.now();
    client.socket.write("big 100000\nbye\n");
    await until(() => client.ended);
    // 200 ms; a pause may be a part of a millisecond short, for each piece.
    assert.ok(performance.now() - since >= 100);
    assert.equal(client.text.length, 100_004);
  });

  test("cuts in the middle of an answer, again for each connection", async () => {
    const present = open();
    present.socket.write("echo before\n");
    await present.heard("before");
    await proxy.set({ kind: "cut", afterBytes: 1000 });
    for (const client of [present, open()]) {
      const before = client.text.length;
      client.socket.write("big 5000\n");
      await until(() => client.fault === "ECONNRESET");
      assert.ok(client.text.length - before <= 1000, `${client.text.length}`);
    }
  });

  test("forgets connections: they stay open, answer nothing, and new ones work", async () => {
    const present = open();
    present.socket.write("echo before\n");
    await present.heard("before");
    proxy.forget();
    present.socket.write("echo after\n");
    const fresh = open();
    fresh.socket.write("echo fresh\n");
    await fresh.heard("fresh");
    assert.deepEqual([present.text, present.ended, present.fault], ["before\n", false, undefined]);
  });

  test("closes at once, whatever the fault and whoever is connected", async () => {
    for (const kind of ["pass", "blackhole", "refuse"] as const) {
      const own = await openFaultProxy({ port: (upstream.address() as AddressInfo).port });
      const client = new Client(own.port);
      await once(client.socket, "connect");
      await own.set({ kind });
      await own[Symbol.asyncDispose]();
      await until(() => client.socket.closed);
    }
  });
});
