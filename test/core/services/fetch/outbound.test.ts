import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { isReachable } from "../../../../src/core/services/fetch/addresses.ts";
import { Outbound } from "../../../../src/core/services/fetch/outbound.ts";
import type { PluginIdentity, Reply } from "../../../../src/core/services/service.ts";

const loopback = ["127.0.0.0/8"];

function identity(fetch: string[]): PluginIdentity {
  return {
    name: "tester",
    permissions: {
      database: false,
      cache: false,
      jobs: false,
      fetch,
      call: [],
      events: { publish: [], subscribe: [] },
      secrets: [],
      services: [],
    },
    limits: {
      memoryBytes: 0,
      cpuMs: 0,
      timeoutMs: 0,
      rate: undefined,
      streamIdleMs: 60_000,
      streamTimeMs: 60_000,
      streamBytes: 1024 ** 3,
    },
    secrets: {},
  };
}

async function withServer(handler: RequestListener, work: (origin: string) => Promise<void>): Promise<void> {
  const server = createServer(handler);
  const listening = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", listening.resolve);
  await listening.promise;
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function fetchAs(options: {
  fetch: string[];
  open: string[];
  args: object;
  timeoutMs?: number;
}): Promise<Reply<"fetch.request">> {
  await using outbound = new Outbound(() => options.open);
  const call = outbound.calls(identity(options.fetch))["fetch.request"];
  assert.ok(call);
  const args = { method: "GET", headers: [], redirect: "follow", ...options.args };
  const context = { signal: new AbortController().signal, timeoutMs: options.timeoutMs ?? 60_000 };
  return (await call(args, context)) as unknown as Reply<"fetch.request">;
}

describe("addresses a plugin may reach", () => {
  const refused = [
    "127.0.0.1",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "255.255.255.255",
    "224.0.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "not an address",
    "",
  ];
  for (const address of refused)
    test(`${address || "nothing"} is refused`, () => assert.equal(isReachable(address, "host", []), false));

  test("public ones are open, and so is a private one in an opened network", () => {
    assert.equal(isReachable("93.184.216.34", "host", []), true);
    assert.equal(isReachable("2606:2800:220:1:248:1893:25c8:1946", "host", []), true);
    assert.equal(isReachable("10.1.2.3", "host", ["10.1.0.0/16"]), true);
    assert.equal(isReachable("10.2.2.3", "host", ["10.1.0.0/16"]), false);
    assert.equal(isReachable("::ffff:10.1.2.3", "host", ["10.1.0.0/16"]), true);
    assert.equal(isReachable("127.0.0.1", "host", ["127.0.0.1"]), true);
    assert.equal(isReachable("127.0.0.2", "host", ["127.0.0.1"]), false);
    assert.equal(isReachable("fd00::1", "host", ["fd00::/8"]), true);
    assert.equal(isReachable("10.1.2.3", "Intranet.example.com", ["intranet.example.com"]), true);
    assert.equal(isReachable("10.1.2.3", "other.example.com", ["intranet.example.com"]), false);
  });
});

describe("fetch of a plugin", () => {
  test("answers with status, headers and body of an allowed host", () =>
    withServer(
      (request, response) =>
        response.writeHead(201, { "x-seen": request.headers["x-sent"] ?? "" }).end("grüß"),
      async (origin) => {
        const reply = await fetchAs({
          fetch: [new URL(origin).host],
          open: loopback,
          args: { url: origin, headers: [["x-sent", "1"]] },
        });
        assert.equal(reply.status, 201);
        assert.ok(reply.headers.some(([name, value]) => name === "x-seen" && value === "1"));
        assert.equal(Buffer.from(reply.body, reply.encoding).toString("utf8"), "grüß");
      },
    ));

  test("a host that was not allowed is refused by name, with the allowed ones in the hint", async () => {
    await assert.rejects(
      fetchAs({ fetch: ["api.example.com"], open: [], args: { url: "https://evil.example.net/" } }),
      {
        code: "FETCH_REFUSED",
        message: "plugin 'tester' may not fetch from 'evil.example.net'",
      },
    );
  });

  const spellings = [
    "127.0.0.1",
    "localhost",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0",
  ];
  for (const host of spellings) {
    test(`loopback spelt ${host} is refused at connect although the name was allowed`, () =>
      withServer(
        (_request, response) => response.end("reached"),
        async (origin) => {
          const url = new URL(origin.replace("127.0.0.1", host));
          await assert.rejects(fetchAs({ fetch: [url.host], open: [], args: { url: url.href } }), {
            code: "FETCH_REFUSED",
          });
        },
      ));
  }

  test("a redirect to a host that was not allowed is refused", () =>
    withServer(
      (_request, response) => response.writeHead(302, { location: "http://169.254.169.254/latest" }).end(),
      async (origin) => {
        await assert.rejects(
          fetchAs({ fetch: [new URL(origin).host], open: loopback, args: { url: origin } }),
          {
            message: "plugin 'tester' may not fetch from '169.254.169.254'",
          },
        );
      },
    ));

  test("a redirect loop ends, a POST becomes a GET after 303", () =>
    withServer(
      (request, response) => {
        if (request.url === "/post") response.writeHead(303, { location: "/method" }).end();
        else if (request.url === "/method") response.end(request.method);
        else response.writeHead(302, { location: "/again" }).end();
      },
      async (origin) => {
        const fetch = [new URL(origin).host];
        await assert.rejects(fetchAs({ fetch, open: loopback, args: { url: origin } }), {
          code: "FETCH_FAILED",
          message: /10 redirects/,
        });
        const reply = await fetchAs({
          fetch,
          open: loopback,
          args: { url: `${origin}/post`, method: "POST", body: "x" },
        });
        assert.deepEqual([reply.body, reply.redirected], ["GET", true]);
      },
    ));

  test("a small answer that never ends and one that never begins are cut", () =>
    withServer(
      (request, response) => {
        if (request.url === "/begun") response.writeHead(200, { "content-length": 100 }).write("begins");
      },
      async (origin) => {
        const fetch = [new URL(origin).host];
        for (const path of ["/begun", "/never"]) {
          const args = { url: origin + path };
          await assert.rejects(fetchAs({ fetch, open: loopback, args, timeoutMs: 50 }), {
            code: "FETCH_FAILED",
            message: /no answer within 50 ms/,
          });
        }
      },
    ));
});
