// fetch of plugins with bodies that stream, on the real server against a local listener: piece by piece both ways, held back by who does
// not read, ended with whoever they belong to.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const proxy = (origin: string): string => `
const origin = ${JSON.stringify(origin)};
let kept: any;
const bytes = (text: string) => new TextEncoder().encode(text);
export default definePlugin({ routes: {
  "GET /pass/:path": (request, { fetch, params }) => fetch(origin + "/" + params.path),
  "GET /body/:path": async (request, { fetch, params }) => new Response((await fetch(origin + "/" + params.path)).body),
  "GET /global/:path": async (request, { params }) => new Response((await globalThis.fetch(origin + "/" + params.path)).body),
  "GET /length/:path": async (request, { fetch, params }) => (await (await fetch(origin + "/" + params.path)).bytes()).length,
  "GET /unread/:path": async (request, { fetch, params }) => (await fetch(origin + "/" + params.path)).status,
  "GET /keep/:path": async (request, { params }) => {
    kept = (await globalThis.fetch(origin + "/" + params.path)).body.getReader();
    return (await kept.read()).value.length;
  },
  "GET /kept": async () => (await kept.read().catch((error: any) => ({ value: error.code ?? error.name }))).value,
  "GET /abort/:path": async (request, { fetch, params }) => {
    const controller = new AbortController();
    const response = await fetch(origin + "/" + params.path, { signal: controller.signal });
    const reader = response.body!.getReader();
    await reader.read();
    controller.abort(new Error("enough"));
    return reader.read().then(() => "read on", (error: any) => error.message);
  },
  "POST /up": (request, { fetch }) =>
    fetch(origin + "/echo", { method: "POST", body: request.body, headers: request.headers, duplex: "half" }),
  "POST /made/:path": async (request, { fetch, params, query }) => {
    let left = Number(query.pieces);
    const body = new ReadableStream({
      pull(controller) {
        if (left === 0) controller.close();
        else if (left < 0) controller.error(new Error("out of paper"));
        else { left -= 1; controller.enqueue(bytes("x".repeat(100_000))); }
      },
    });
    const init = { method: "POST", body, duplex: "half" } as const;
    return fetch(origin + "/" + params.path, init).then(
      (answer) => answer.text(),
      (error: any) => error.code ?? error.message,
    );
  },
} });`;

interface Seen {
  readonly path: string;
  readonly response: ServerResponse;
  readonly request: IncomingMessage;
  closed: boolean;
  /** Bytes its socket has taken. */
  sent: number;
}

describe("fetch with bodies that stream", () => {
  const seen: Seen[] = [];
  const big = Buffer.alloc(12 * 1024 * 1024, Buffer.from([0, 1, 2, 127, 128, 200, 255]));
  const listener = createServer((request, response) => {
    const one: Seen = { path: request.url ?? "", request, response, closed: false, sent: 0 };
    seen.push(one);
    response.on("close", () => (one.closed = true));
    request.on("error", () => undefined);
    switch (one.path) {
      case "/big":
        response.end(big);
        return;
      case "/small":
        response.end("small");
        return;
      case "/endless": {
        const more = (): void => {
          while (!response.destroyed && response.write(big.subarray(0, 65_536))) one.sent += 65_536;
          one.sent += 65_536;
        };
        response.on("drain", more);
        more();
        return;
      }
      case "/ticks":
        response.writeHead(200, { "content-type": "text/event-stream" }).write("data: 1\n\n");
        return;
      case "/echo":
        response.writeHead(200);
        request.pipe(response);
        return;
      case "/count": {
        let bytes = 0;
        request.on("data", (chunk: Buffer) => (bytes += chunk.length));
        request.on("end", () => response.end(String(bytes)));
        return;
      }
      case "/moved":
        response.writeHead(307, { location: "/count" }).end();
        return;
      default:
        response.end();
    }
  });
  const last = (path: string): Seen => {
    const found = seen.findLast((one) => one.path === path);
    assert.ok(found, path);
    return found;
  };
  let workspace: TestWorkspace;
  let server: TestCore;

  before(async () => {
    listener.listen(0, "127.0.0.1");
    await once(listener, "listening");
    const { port } = listener.address() as AddressInfo;
    const permissions = `permissions: { fetch: ["127.0.0.1:${port}"] }\nlimits: { timeout: 30s, cpu: 1s, memory: 128mb }\n`;
    workspace = await testWorkspace({
      ...pluginFiles("proxy", proxy(`http://127.0.0.1:${port}`), permissions),
      ...pluginFiles(
        "tight",
        proxy(`http://127.0.0.1:${port}`),
        permissions.replace("timeout:", "streamSize: 1mb, timeout:"),
      ),
      ...pluginFiles(
        "patient",
        proxy(`http://127.0.0.1:${port}`),
        permissions.replace("timeout:", "streamIdle: 1s, timeout:"),
      ),
      "integration.yaml": `name: test
server: { port: 0, drain: 2s }
admin: { token: test-token-test-token-test-token }
policy: { privateNetworks: [127.0.0.1] }
`,
    });
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    listener.closeAllConnections();
    listener.close();
    await workspace?.[Symbol.asyncDispose]();
  });

  for (const way of ["pass", "body", "global"]) {
    test(`an answer goes on piece by piece, as it comes (${way})`, async () => {
      const answer = await server.get(`/app/proxy/${way}/ticks`);
      const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
      assert.equal((await reader?.read())?.value, "data: 1\n\n");
      last("/ticks").response.write("data: 2\n\n");
      assert.equal((await reader?.read())?.value, "data: 2\n\n");
      last("/ticks").response.end();
      assert.equal((await reader?.read())?.done, true);
    });
  }

  test("a large answer arrives whole: passed on, and read at once inside", async () => {
    const passed = Buffer.from(await (await server.get("/app/proxy/pass/big")).arrayBuffer());
    assert.equal(digest(passed), digest(big));
    assert.equal(await (await server.get("/app/proxy/length/big")).json(), big.length);
  });

  test("a client that does not read holds the upstream back, and one that goes ends it", async () => {
    const client = httpRequest(`${server.core.address}/app/proxy/body/endless`);
    client.on("error", () => undefined);
    client.end();
    const [answer] = (await once(client, "response")) as [IncomingMessage];
    answer.pause();
    const upstream = last("/endless");
    // What sockets on the way hold, and no more: it stands still.
    let before = -1;
    await until(
      async () => {
        before = upstream.sent;
        await new Promise((resolve) => setTimeout(resolve, 500));
        return upstream.sent;
      },
      (now) => now === before && now > 0,
    );
    assert.ok(upstream.sent < 64 * 1024 ** 2, `${upstream.sent} bytes were taken`);
    client.destroy();
    await until(
      () => upstream.closed,
      (closed) => closed,
    );
  });

  test("a body that nobody reads ends with the call", async () => {
    assert.equal(await (await server.get("/app/proxy/unread/endless")).json(), 200);
    await until(
      () => last("/endless").closed,
      (closed) => closed,
    );
  });

  test("a body of the plugin's own outlives the call, and ends with the revision", async () => {
    assert.ok(Number(await (await server.get("/app/proxy/keep/endless")).json()) > 0);
    const upstream = last("/endless");
    assert.notEqual(await (await server.get("/app/proxy/kept")).text(), '"CALL_CANCELLED"');
    assert.equal(upstream.closed, false);
    await server.admin("/plugins/proxy/reload", { method: "POST" });
    await until(
      () => upstream.closed,
      (closed) => closed,
    );
  });

  test("the request's signal ends the body, too", async () => {
    assert.equal(await (await server.get("/app/proxy/abort/endless")).text(), "enough");
    await until(
      () => last("/endless").closed,
      (closed) => closed,
    );
  });

  test("a request's body goes on piece by piece while it comes in", async () => {
    const client = httpRequest(`${server.core.address}/app/proxy/up`, { method: "POST" });
    const answered = once(client, "response") as Promise<[IncomingMessage]>;
    // More than comes in one record.
    client.write(Buffer.alloc(100_000, "a"));
    const [answer] = await answered;
    let text = "";
    answer.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
    await until(
      () => text.length,
      (length) => length === 100_000,
    );
    client.end("the end");
    await once(answer, "end");
    assert.equal(text.slice(100_000), "the end");
  });

  test("a stream made inside is sent whole; one that fails fails the fetch, and the other side sees no end", async () => {
    const made = await server.get("/app/proxy/made/count?pieces=30", { method: "POST" });
    assert.equal(await made.text(), "3000000");
    const failed = await server.get("/app/proxy/made/count?pieces=-1", { method: "POST" });
    assert.equal(await failed.text(), "out of paper");
    await until(
      () => seen.filter(({ path }) => path === "/count").every(({ closed }) => closed),
      (closed) => closed,
    );
  });

  test("a streamed body can't follow a redirect that wants it again", async () => {
    const answer = await server.get("/app/proxy/made/moved?pieces=3", { method: "POST" });
    assert.equal(await answer.text(), "FETCH_FAILED");
  });

  test("limits hold: bytes each way, and the time that nothing moves", async () => {
    const long = await server.get("/app/tight/length/big");
    assert.equal(((await long.json()) as { code: string }).code, "QUOTA_EXCEEDED");
    const much = await server.get("/app/tight/made/count?pieces=30", { method: "POST" });
    assert.equal(await much.text(), "QUOTA_EXCEEDED");
    assert.ok(Number(await (await server.get("/app/patient/keep/ticks")).json()) > 0);
    assert.equal(await (await server.get("/app/patient/kept")).text(), "CALL_CANCELLED");
    await until(
      () => last("/ticks").closed,
      (closed) => closed,
    );
  });
});

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
