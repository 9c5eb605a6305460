// The load generator counts what it was answered, and leaves no failure out.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, it } from "node:test";
import { load } from "../../bench/load.ts";

describe("the load generator", () => {
  it("counts whole answers, with and without a length, and hands each body out", async () => {
    let served = 0;
    await using server = await serve((_request, response) => {
      served += 1;
      if (served % 2 === 0) response.writeHead(200, { "content-length": 5 });
      response.write("ab");
      setImmediate(() => response.end("cde"));
    });
    const bodies = new Set<string>();
    let answers = 0;
    // As often as a slow machine needs for some answers.
    for (let rounds = 1; answers <= 3; rounds += 1) {
      const result = await load({
        ...server,
        connections: 3,
        ms: 300,
        onAnswer: (_connection, body) => bodies.add(body),
      });
      answers += result.answers;
      assert.equal(result.failed, 0);
      assert.ok(served - answers <= 3 * rounds, "only what was under way at the end is not counted");
    }
    assert.ok([...bodies].every((body) => body.includes("ab") && body.includes("cde")));
  });

  it("counts answers that are no success, and requests whose connection was cut, as failed", async () => {
    let served = 0;
    await using server = await serve((_request, response) => {
      served += 1;
      if (served % 3 === 0) response.destroy();
      else response.writeHead(served % 3 === 1 ? 200 : 500).end();
    });
    const result = await load({ ...server, connections: 1, ms: 300 });
    const bad = served - Math.ceil(served / 3);
    assert.ok(Math.abs(result.failed - bad) <= 1, `${result.failed} failed of ${bad} bad ones`);
  });

  it("posts the body, takes paths in turn, and keeps to a rate", async () => {
    const seen: string[] = [];
    await using server = await serve((request, response) => {
      void text(request)
        .then((body) => seen.push(`${request.method} ${request.url} ${body}`))
        .finally(() => response.end("{}"));
    });
    const path = ["/a", "/b"];
    while (new Set(seen).size < 2) {
      const result = await load({ ...server, path, connections: 2, ms: 500, rate: 100, body: "[1]" });
      assert.ok(result.answers <= 52, `${result.answers} answers at 100/s in half a second`);
    }
    assert.deepEqual(new Set(seen), new Set(["POST /a [1]", "POST /b [1]"]));
  });
});

async function serve(listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    path: "/" as string | string[],
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
