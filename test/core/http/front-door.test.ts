import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { FrontDoor } from "../../../src/core/http/front-door.ts";

async function serve(door: FrontDoor): Promise<{ origin: string } & AsyncDisposable> {
  const server = createServer(door.listener);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((closed) => server.close(() => closed()));
    },
  };
}

test("who comes before there is anything waits, body and all; health is told at once", async () => {
  const door = new FrontDoor({ patienceMs: 60_000 });
  await using server = await serve(door);
  const early = fetch(`${server.origin}/app/notes/`, { method: "POST", body: "x".repeat(100_000) });
  assert.equal((await fetch(`${server.origin}/livez`)).status, 200);
  assert.equal((await fetch(`${server.origin}/readyz`)).status, 503);
  door.open((request, response) => {
    let length = 0;
    request.on("data", (chunk: Buffer) => (length += chunk.length));
    request.on("end", () => response.end(`${request.method} ${length}`));
  });
  assert.equal(await (await early).text(), "POST 100000");
  assert.equal(await (await fetch(`${server.origin}/livez`)).text(), "GET 0", "from then on all go inside");
});

test("who has waited too long is told to come again", async () => {
  const door = new FrontDoor({ patienceMs: 50 });
  await using server = await serve(door);
  const answer = await fetch(`${server.origin}/app/notes/`);
  assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "1"]);
  assert.equal(((await answer.json()) as { code: string }).code, "SERVER_STARTING");
});

test("who has left is not served later", async () => {
  const door = new FrontDoor({ patienceMs: 60_000 });
  await using server = await serve(door);
  const gone = new AbortController();
  const left = fetch(`${server.origin}/app/notes/`, { signal: gone.signal });
  await fetch(`${server.origin}/livez`);
  gone.abort();
  await assert.rejects(left);
  const served: (string | undefined)[] = [];
  const last = fetch(`${server.origin}/last`);
  await fetch(`${server.origin}/livez`);
  door.open((request, response) => {
    served.push(request.url);
    response.end();
  });
  await last;
  assert.deepEqual(served, ["/last"]);
});
