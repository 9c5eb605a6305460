// WebSockets handed to a plugin, with a real client: messages both ways, back-pressure, closing by every side.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { endsOf } from "../support/ends.ts";
import { openTestCore, pluginFiles, testWorkspace, until, type TestCore } from "../support/workspace.ts";

const chat = (word: string): string => `
const seen: unknown[] = [];
const rooms = new Set<WebSocket>();
let timer = 0;
export default definePlugin({
  routes: {
    "GET /seen": () => seen,
    "GET /word": () => "${word}",
    "GET /plain": () => "plain",
    "GET /forbidden": () => new Response("no", { status: 403 }),
    "GET /header": () => new Response(null, { status: 101, webSocket: new WebSocketPair()[0], headers: { "x-bad": "\\u0001" } }),
    "GET /echo": (request, { signal }) => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      signal.addEventListener("abort", () => seen.push("aborted"));
      server.addEventListener("message", ({ data }) => {
        if (data === "close") server.close(4000, "as you wish");
        else if (data === "throw") throw new Error("thrown");
        else server.send(data);
      });
      server.addEventListener("close", ({ code, reason, wasClean }) => seen.push({ code, reason, wasClean }));
      return new Response(null, { status: 101, webSocket: client, headers: { "sec-websocket-protocol": "b", "set-cookie": "a=1", "sec-websocket-accept": "forged" } });
    },
    "GET /room": () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      rooms.add(server);
      server.onmessage = ({ data }) => { for (const member of rooms) member.send(data); };
      server.onclose = () => rooms.delete(server);
      server.send("welcome to ${word}");
      return new Response(null, { status: 101, webSocket: client });
    },
    "GET /flood": () => {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      timer = setInterval(() => server.send("x".repeat(50_000)), 1);
      server.onclose = (event) => { clearInterval(timer); seen.push({ flood: event.code }); };
      return new Response(null, { status: 101, webSocket: client });
    },
    "GET /slow": () => {
      const { 0: client, 1: server } = new WebSocketPair();
      let heard = 0;
      server.onmessage = () => { heard += 1; if (heard === 1) seen.push("slow"); };
      setTimeout(() => server.accept(), 300);
      server.onclose = () => seen.push({ heard });
      return new Response(null, { status: 101, webSocket: client });
    },
  },
});`;

const late = `export default definePlugin({ routes: { "GET /": () => new Promise(() => undefined) } });`;

const code = (word: string): string => `import { definePlugin } from "xcore/plugin";\n${chat(word)}`;

/** Closes of a client that is known to close. */
async function closed(client: WebSocket): Promise<{ code: number; reason: string }> {
  const [status, reason] = (await once(client, "close")) as [number, Buffer];
  return { code: status, reason: reason.toString() };
}

async function next(client: Client): Promise<string> {
  return (await heard(client)).toString();
}

/** The next message that nobody has taken yet. */
async function heard(client: Client): Promise<Buffer> {
  await until(
    () => client.heard.length,
    (count) => count > 0,
  );
  return client.heard.shift() ?? assert.fail("nothing");
}

interface Client extends WebSocket {
  heard: Buffer[];
}

describe("a WebSocket", () => {
  let server: TestCore;
  before(async () => {
    const workspace = await testWorkspace({
      ...pluginFiles("chat", chat("one")),
      ...pluginFiles("late", late, "limits: { timeout: 500ms }\n"),
      "integration.yaml": "name: test\nserver: { port: 0, drain: 2s, maxBody: 1mb }\n",
    });
    server = await openTestCore(workspace, { watch: true });
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    await server.workspace[Symbol.asyncDispose]();
  });

  const dial = (path: string, protocols: string[] = [], plugin = "chat"): Client => {
    const url = `${server.core.address.replace("http", "ws")}/app/${plugin}${path}`;
    const client = Object.assign(new WebSocket(url, protocols), { heard: [] as Buffer[] });
    client.on("error", () => undefined);
    client.on("message", (data: Buffer) => client.heard.push(data));
    return client;
  };
  const seen = async (): Promise<unknown[]> =>
    (await (await server.get("/app/chat/seen")).json()) as unknown[];

  async function refused(path: string, plugin?: string): Promise<number> {
    const client = dial(path, [], plugin);
    const [, response] = (await once(client, "unexpected-response")) as [unknown, { statusCode: number }];
    client.terminate();
    return response.statusCode;
  }

  test("carries texts and bytes, small and large, whole and in order", async () => {
    const client = dial("/echo", ["a", "b"]);
    const [[response]] = (await Promise.all([once(client, "upgrade"), once(client, "open")])) as [
      [{ headers: Record<string, unknown> }],
      unknown,
    ];
    assert.deepEqual(response.headers["set-cookie"], ["a=1"]);
    assert.ok(response.headers["x-request-id"]);
    assert.equal(client.protocol, "b");
    const texts = ["", "grüße 🎈", "🎈".repeat(100_000), "x".repeat(900_000), "last"];
    for (const text of texts) client.send(text);
    for (const text of texts) assert.ok((await next(client)) === text);
    const bytes = Buffer.from(Uint8Array.from({ length: 200_000 }, (_, at) => at));
    client.send(bytes);
    const [, isBinary] = (await once(client, "message")) as [Buffer, boolean];
    assert.ok(isBinary && (await heard(client)).equals(bytes));
    client.send("throw");
    client.send("still here");
    assert.equal(await next(client), "still here");
    client.close(4321, "tschüß");
    assert.equal((await closed(client)).code, 4321);
    await until(seen, (all) => all.includes("aborted"));
    assert.deepEqual((await seen())[1], { code: 4321, reason: "tschüß", wasClean: true });
  });

  test("is closed by the plugin with its code and reason", async () => {
    const client = dial("/echo");
    await once(client, "open");
    client.send("close");
    assert.deepEqual(await closed(client), { code: 4000, reason: "as you wish" });
  });

  test("that breaks off is told as 1006", async () => {
    const client = dial("/echo");
    await once(client, "open");
    client.terminate();
    await until(seen, (all) => JSON.stringify(all.at(-1)) === `{"code":1006,"reason":"","wasClean":false}`);
  });

  test("is refused by an ordinary answer, by a plugin that has none, by one that is late, and where there is no plugin", async () => {
    assert.equal(await refused("/plain"), 200);
    assert.equal(await refused("/forbidden"), 403);
    assert.equal(await refused("/nowhere"), 404);
    assert.equal(await refused("/header"), 502);
    assert.equal(await refused("/", "late"), 504);
    const elsewhere = new WebSocket(server.core.address.replace("http", "ws"));
    const [, response] = (await once(elsewhere, "unexpected-response")) as [unknown, { statusCode: number }];
    assert.equal(response.statusCode, 404);
    elsewhere.on("error", () => undefined).terminate();
  });

  test("given to a request that does not ask for one is the plugin's fault", async () => {
    const answer = await server.get("/app/chat/echo");
    assert.equal(answer.status, 502);
    assert.equal(((await answer.json()) as { code: string }).code, "PLUGIN_BAD_RESPONSE");
  });

  test("whose message is larger than server.maxBody is closed with 1009", async () => {
    const client = dial("/echo");
    await once(client, "open");
    client.send("x".repeat(1024 ** 2 + 1));
    assert.equal((await closed(client)).code, 1009);
  });

  test("whose client reads nothing while the plugin floods it is let go, and the plugin lives", async () => {
    const { port, hostname } = new URL(server.core.address);
    const socket = connect(Number(port), hostname);
    socket.write(
      "GET /app/chat/flood HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    socket.on("error", () => undefined);
    socket.pause();
    await until(seen, (all) => JSON.stringify(all.at(-1)) === `{"flood":1008}`);
    socket.destroy();
  });

  test("whose client floods a plugin that does not listen is held back, and nothing is lost", async () => {
    const starved = (): number => endsOf(server.log, "chat", { starved: true }).length;
    // Where the machine had the plugin stopped in the middle, once more.
    for (let before = -1; before !== starved();) {
      before = starved();
      const client = dial("/slow");
      await once(client, "open");
      for (let at = 0; at < 20_000; at += 1) client.send("y".repeat(100));
      await until(seen, (all) => all.includes("slow") || starved() > before);
      client.close();
      await closed(client);
      await until(seen, (all) => JSON.stringify(all.at(-1)) === `{"heard":20000}` || starved() > before);
    }
  });

  test("asked for behind a request that is not answered yet ends the connection, not the server", async () => {
    const { port, hostname } = new URL(server.core.address);
    const socket = connect(Number(port), hostname);
    socket.on("error", () => undefined);
    const upgrade =
      "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    socket.write(
      `GET /app/late/ HTTP/1.1\r\nhost: x\r\n\r\nGET /app/chat/echo HTTP/1.1\r\nhost: x\r\n${upgrade}`,
    );
    socket.resume();
    await once(socket, "close");
    assert.equal((await server.get("/app/chat/word")).status, 200);
  });

  test("with a handshake that is none is refused with 400, with headers that are too many with 431", async () => {
    const { port, hostname } = new URL(server.core.address);
    for (const [lines, status] of [
      ["sec-websocket-version: 13", "400"],
      ["sec-websocket-version: 7\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "400"],
      [`x: ${"y".repeat(20_000)}`, "431"],
    ]) {
      const socket = connect(Number(port), hostname);
      socket.on("error", () => undefined);
      socket.write(
        `GET /app/chat/echo HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n${lines}\r\n\r\n`,
      );
      const [data] = (await once(socket, "data")) as [Buffer];
      assert.ok(data.toString().startsWith(`HTTP/1.1 ${status}`), data.toString());
      socket.destroy();
    }
    await until(seen, (all) => JSON.stringify(all.at(-1)).includes("1006"));
  });

  test("joins a room of many", async () => {
    const clients = Array.from({ length: 20 }, () => dial("/room"));
    for (const welcome of await Promise.all(clients.map((client) => next(client)))) {
      assert.equal(welcome, "welcome to one");
    }
    const answers = Promise.all(clients.map((client) => next(client)));
    clients[0]?.send("hello all");
    assert.deepEqual(new Set(await answers), new Set(["hello all"]));
    for (const client of clients) client.terminate();
  });

  test("is closed with 1012 when its plugin is loaded anew, and with 1001 when the server stops", async () => {
    const client = dial("/room");
    assert.equal(await next(client), "welcome to one");
    const ending = closed(client);
    await server.workspace.write("plugins/chat/index.ts", code("two"));
    assert.equal((await ending).code, 1012);
    const again = dial("/room");
    assert.equal(await next(again), "welcome to two");
    const stopping = closed(again);
    await server.core.close({ drain: true });
    assert.equal((await stopping).code, 1001);
    const line = server.log.find(({ fields }) => fields["url"] === "/app/chat/room");
    assert.equal(line?.fields["status"], 101);
  });
});
