// fetch of plugins on the real server against local listeners: nothing private is reached unless the installation opened it, to whom it did.
import assert from "node:assert/strict";
import dns from "node:dns";
import { createServer, type RequestListener } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import type { AddressInfo } from "node:net";
import { describe, mock, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const fetcher = `export default definePlugin({ routes: {
  "GET /get": async (request, { params }) => {
    const answer = await fetch(new URL(request.url).searchParams.get("url"));
    return { status: answer.status, url: answer.url, text: await answer.text() };
  },
} });`;

interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Hosts that were asked for, one for each request that came in. */
  readonly heard: string[];
}

async function listener(answer: RequestListener, address = "127.0.0.1"): Promise<Listener> {
  const heard: string[] = [];
  const server = createServer((request, response) => {
    heard.push(request.headers.host ?? "");
    response.setHeader("connection", "close");
    answer(request, response);
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(0, address, resolve);
  await promise;
  return {
    port: (server.address() as AddressInfo).port,
    heard,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

interface Setting {
  /** permissions.fetch of both plugins. */
  hosts: readonly string[];
  integration?: string;
}

async function opened({
  hosts,
  integration = "",
}: Setting): Promise<{ workspace: TestWorkspace; server: TestCore }> {
  const permissions = `permissions: { fetch: ${JSON.stringify(hosts)} }\n`;
  const workspace = await testWorkspace({
    ...pluginFiles("inside", fetcher, permissions),
    ...pluginFiles("other", fetcher, permissions),
    "integration.yaml": `name: test\nserver: { port: 0 }\nadmin: { token: test-token-test-token-test-token }\n${integration}`,
  });
  return { workspace, server: await openTestCore(workspace) };
}

async function get(server: TestCore, plugin: string, url: string): Promise<string> {
  const answer = await server.get(`/app/${plugin}/get?url=${encodeURIComponent(url)}`);
  const body = (await answer.json()) as { text?: string; code?: string };
  return body.text ?? body.code ?? "";
}

const hello: RequestListener = (_request, response) => response.end("hello");

describe("what is not public", () => {
  test("is refused in every notation, and nobody hears of it", async () => {
    await using inner = await listener(hello);
    const { port, heard } = inner;
    const names = ["127.0.0.1", "localhost", "0.0.0.0"];
    const { workspace, server } = await opened({ hosts: names.flatMap((name) => [name, `${name}:${port}`]) });
    await using _workspace = workspace;
    await using _server = server;
    const hosts = [
      "127.0.0.1",
      "localhost",
      "2130706433",
      "0x7f.1",
      "0177.0.0.1",
      "127.1",
      "0",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
      "[64:ff9b::7f00:1]",
    ];
    for (const host of hosts) {
      assert.equal(await get(server, "inside", `http://${host}:${port}/`), "FETCH_REFUSED", host);
    }
    assert.deepEqual(heard, []);
  });

  test("is reached by the plugin it was opened to, and by no other; opening it to all takes effect without a restart", async () => {
    await using inner = await listener(hello);
    const { workspace, server } = await opened({
      hosts: [`127.0.0.1:${inner.port}`],
      integration: "plugins: { inside: { privateNetworks: [127.0.0.0/8] } }\n",
    });
    await using _workspace = workspace;
    await using _server = server;
    const url = `http://127.0.0.1:${inner.port}/`;
    assert.equal(await get(server, "inside", url), "hello");
    // Not by the connection that the first one left behind, either.
    assert.equal(await get(server, "other", url), "FETCH_REFUSED");
    assert.equal(inner.heard.length, 1);
    await workspace.write(
      "integration.yaml",
      "name: test\nserver: { port: 0 }\nadmin: { token: test-token-test-token-test-token }\npolicy: { privateNetworks: [127.0.0.1] }\n",
    );
    assert.equal((await server.admin("/plugins/sync", { method: "POST" })).status, 200);
    assert.equal(await get(server, "other", url), "hello");
  });

  test("is not reached by a redirect from where it may go", async () => {
    await using secret = await listener(hello, "127.0.0.2");
    await using inner = await listener((_request, response) => {
      response.writeHead(302, { location: `http://127.0.0.2:${secret.port}/` });
      response.end();
    });
    const { workspace, server } = await opened({
      hosts: [`127.0.0.1:${inner.port}`, `127.0.0.2:${secret.port}`],
      integration: "policy: { privateNetworks: [127.0.0.1] }\n",
    });
    await using _workspace = workspace;
    await using _server = server;
    assert.equal(await get(server, "inside", `http://127.0.0.1:${inner.port}/`), "FETCH_REFUSED");
    assert.deepEqual([inner.heard.length, secret.heard.length], [1, 0]);
  });

  test("is not reached by a name whose answer changes; a name that was opened may lead anywhere", async () => {
    await using inner = await listener(hello);
    await using far = await listener(hello, "127.0.0.2");
    const answers: string[] = [];
    let asked = 0;
    const original = dns.lookup as (...args: unknown[]) => void;
    const answered = (host: string, options: unknown, callback: (...args: unknown[]) => void): void => {
      if (!host.endsWith(".test")) return original(host, options, callback);
      asked += 1;
      callback(null, [{ address: answers.shift() ?? "127.0.0.3", family: 4 }]);
    };
    mock.method(dns, "lookup", answered as unknown as typeof dns.lookup);
    syncBuiltinESMExports();
    try {
      const { workspace, server } = await opened({
        hosts: [`rebind.test:${inner.port}`, `intranet.test:${far.port}`],
        integration: "policy: { privateNetworks: [127.0.0.1, intranet.test] }\n",
      });
      await using _workspace = workspace;
      await using _server = server;
      answers.push("127.0.0.1", "127.0.0.2");
      assert.equal(await get(server, "inside", `http://rebind.test:${inner.port}/`), "hello");
      assert.equal(await get(server, "inside", `http://rebind.test:${inner.port}/`), "FETCH_REFUSED");
      assert.equal(asked, 2, "each connection goes to the answer that was looked at");
      answers.push("127.0.0.2");
      assert.equal(await get(server, "inside", `http://intranet.test:${far.port}/`), "hello");
    } finally {
      mock.restoreAll();
      syncBuiltinESMExports();
    }
  });
});
