// ETag, If-None-Match and 304 for the answers of plugins that may be kept.
import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const files = pluginFiles(
  "news",
  `let version = 1;
const keep = (body, headers = {}, init = {}) => new Response(body, { headers: { "cache-control": "max-age=60", "content-type": "text/plain", ...headers }, ...init });
export default definePlugin({ routes: {
  "POST /next": () => String(version += 1),
  "GET /kept": () => keep("version " + version),
  "GET /bytes": () => keep(new Uint8Array([0, 255, 128])),
  "GET /own": () => keep("own", { etag: 'W/"mine"' }),
  "GET /silent": () => "says nothing",
  "GET /secret": () => keep("secret", { "cache-control": "no-store" }),
  "GET /cookie": () => keep("cookie", { "set-cookie": "a=b" }),
  "GET /stream": () => keep(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("streamed")); setTimeout(() => c.close(), 50); } })),
  "GET /gone": () => keep("gone", {}, { status: 404 }),
  "POST /kept": () => keep("posted"),
} });`,
);

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

describe("answers that may be kept", () => {
  let workspace: TestWorkspace;
  let server: TestCore;
  before(async () => {
    workspace = await testWorkspace(files);
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  /** Not by fetch, which has ideas of its own about 304. */
  const ask = (path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const asked = httpRequest(
        `${server.core.address}/app/news${path}`,
        { method, headers, agent: false },
        (answer) => {
          let body = "";
          answer.setEncoding("latin1").on("data", (chunk: string) => (body += chunk));
          answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }));
        },
      );
      asked.on("error", reject).end();
    });
  const etagOf = (answer: Answer): string => String(answer.headers["etag"]);

  test("get an ETag, and 304 without a body for whoever has them, until they change", async () => {
    const first = await ask("/kept");
    assert.equal(first.status, 200);
    assert.match(etagOf(first), /^"[\w-]{27}"$/);
    for (const wanted of [etagOf(first), `W/${etagOf(first)}`, `"other", ${etagOf(first)}`, "*"]) {
      const again = await ask("/kept", { "if-none-match": wanted });
      assert.deepEqual([again.status, again.body], [304, ""], wanted);
      assert.equal(again.headers["cache-control"], "max-age=60");
      assert.equal(etagOf(again), etagOf(first));
      for (const name of ["content-type", "content-length", "transfer-encoding"])
        assert.equal(again.headers[name], undefined, name);
    }
    await ask("/next", {}, "POST");
    const changed = await ask("/kept", { "if-none-match": etagOf(first) });
    assert.deepEqual([changed.status, changed.body], [200, "version 2"]);
    assert.notEqual(etagOf(changed), etagOf(first));
  });

  test("bytes, a HEAD, and a plugin's own ETag are held against what the client has", async () => {
    const bytes = await ask("/bytes");
    assert.equal((await ask("/bytes", { "if-none-match": etagOf(bytes) })).status, 304);
    assert.equal((await ask("/kept", { "if-none-match": etagOf(await ask("/kept")) }, "HEAD")).status, 304);
    assert.equal(etagOf(await ask("/own")), 'W/"mine"');
    assert.equal((await ask("/own", { "if-none-match": '"mine"' })).status, 304);
    assert.equal((await ask("/own", { "if-none-match": '"theirs"' })).status, 200);
  });

  test("everything else stays as the plugin gave it", async () => {
    for (const path of ["/silent", "/secret", "/cookie", "/stream", "/gone"]) {
      const answer = await ask(path, { "if-none-match": "*" });
      assert.equal(answer.status, path === "/gone" ? 404 : 200, path);
      assert.equal(answer.headers["etag"], undefined, path);
    }
    const posted = await ask("/kept", { "if-none-match": "*" }, "POST");
    assert.deepEqual([posted.status, posted.body], [200, "posted"]);
  });
});
