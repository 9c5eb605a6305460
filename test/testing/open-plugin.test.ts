import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";
import { packageFile } from "../../src/core/base/package-root.ts";
import { openPlugin } from "../../src/testing.ts";
import { ensureBuilt } from "../core/sandbox/built.ts";

await ensureBuilt();
const scratch = await mkdtemp(join(tmpdir(), "xcore-testing-test-"));
after(() => rm(scratch, { recursive: true }));
await symlink(packageFile("node_modules"), join(scratch, "node_modules"));
let made = 0;

async function plugin(manifest: string, source: string, more: Record<string, string> = {}): Promise<string> {
  made += 1;
  const folder = join(scratch, `plugin-${made}`);
  const files = {
    "plugin.yaml": `name: sample\nversion: 1.0.0\nxcore: ">=0.1.0"\nentry: src/index.ts\n${manifest}`,
    "src/index.ts": `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({\n${source}\n});`,
    ...more,
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

test("a plugin is opened from a file in its folder, answers requests and is closed", async () => {
  const folder = await plugin(
    "",
    `routes: {
      "GET /hello/:name": (request, { params, query }) => ({ hello: params.name, loud: query.loud }),
      "POST /echo": async (request) => new Response(await request.arrayBuffer(), { status: 201, headers: { "x-a": "1" } }),
      "DELETE /": () => undefined,
    },
    start({ log }) { log.info("up", { a: 1 }); }, stop({ log }) { log.info("down"); }`,
  );
  const opened = await openPlugin(pathToFileURL(join(folder, "test/some.test.ts")).href);
  const response = await opened.request("/hello/ada?loud=1");
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { hello: "ada", loud: "1" });
  const body = new Uint8Array([0, 255, 128, 10]);
  const echo = await opened.request("/echo", { method: "POST", body });
  assert.equal(echo.status, 201);
  assert.equal(echo.headers.get("x-a"), "1");
  assert.deepEqual(new Uint8Array(await echo.arrayBuffer()), body);
  assert.equal((await opened.request("/", { method: "DELETE" })).status, 204);
  assert.equal((await opened.request("/nothing")).status, 404);
  await opened.close();
  assert.deepEqual(
    opened.logs.map(({ level, message, fields }) => ({ level, message, fields })),
    [
      { level: "info", message: "up", fields: { a: 1 } },
      { level: "info", message: "down", fields: {} },
    ],
  );
});

test("actions, jobs and events are called by name; an unknown name is answered with what there is", async () => {
  const folder = await plugin(
    "permissions: { jobs: true, events: { subscribe: [user.*] } }",
    `actions: { add: { run: (input: any) => input.a + input.b } },
     jobs: { digest: { every: "1 hour", run: (data: any, { job }) => ({ data, attempt: job.attempt }) } },
     events: { "user.*": (event, { log }) => log.info(event.name) }`,
  );
  await using opened = await openPlugin(folder);
  assert.equal(await opened.action("add", { a: 1, b: 2 }), 3);
  assert.deepEqual(await opened.job("digest", { x: 1 }), { data: { x: 1 }, attempt: 1 });
  await opened.event("user.created", { id: 1 });
  assert.equal(opened.logs[0]?.message, "user.created");
  await assert.rejects(opened.action("ad"), { code: "ACTION_NOT_FOUND", message: /did you mean 'add'/ });
  await assert.rejects(opened.job("digst"), { code: "JOB_NOT_FOUND", message: /did you mean 'digest'/ });
});

test("cache, jobs, events, secrets, fetch and other plugins' actions are there as plugin.yaml asks for them", async () => {
  const folder = await plugin(
    `permissions: { cache: true, jobs: true, events: { publish: [note.*] }, secrets: [TOKEN], call: [mailer.send], fetch: [api.test] }`,
    `jobs: { later: { run() {} } },
     routes: { "GET /": async (request, { cache, jobs, events, secrets, call, fetch }: any) => {
       await cache.set("a", 1);
       await jobs.enqueue("later", { n: 2 });
       await events.publish("note.created", { id: 3 });
       const answer = await fetch("https://api.test/x", { method: "POST", body: "hi" });
       return { cached: await cache.get("a"), token: await secrets.get("TOKEN"), sent: await call("mailer.send", { to: "b" }),
         fetched: await answer.json() };
     } }`,
  );
  await using opened = await openPlugin(folder, {
    secrets: { TOKEN: "t0p" },
    actions: { "mailer.send": (input) => ({ input }) },
    fetch: async (request) =>
      Response.json({ method: request.method, url: request.url, body: await request.text() }),
  });
  assert.deepEqual(await (await opened.request("/")).json(), {
    cached: 1,
    token: "t0p",
    sent: { input: { to: "b" } },
    fetched: { method: "POST", url: "https://api.test/x", body: "hi" },
  });
  assert.partialDeepStrictEqual(opened.enqueued, [{ name: "later", data: { n: 2 } }]);
  assert.deepEqual(opened.published, [{ name: "note.created", payload: { id: 3 } }]);
});

test("streamed answers and WebSockets are tried without a server", async () => {
  const folder = await plugin(
    "",
    `routes: {
      "GET /stream": () => new Response(ReadableStream.from((async function* () {
        for (const text of ["a", "b"]) { await new Promise((resolve) => setTimeout(resolve, 2)); yield new TextEncoder().encode(text); }
      })())),
      "GET /socket": () => {
        const { 0: client, 1: server } = new WebSocketPair();
        server.accept();
        server.onmessage = ({ data }) => { if (data === "bye") server.close(4000, "bye"); else server.send(data); };
        return new Response(null, { status: 101, webSocket: client });
      },
      "GET /none": () => "none",
    }`,
  );
  await using opened = await openPlugin(folder);
  assert.equal(await (await opened.request("/stream")).text(), "ab");
  const socket = await opened.socket("/socket");
  socket.send("text");
  socket.send(new Uint8Array([1, 255]));
  assert.equal(await socket.next(), "text");
  assert.deepEqual([...Buffer.from(await socket.next())], [1, 255]);
  socket.send("bye");
  assert.deepEqual(await socket.closed, { code: 4000, reason: "bye" });
  await assert.rejects(socket.next(), /was closed/);
  await assert.rejects(opened.socket("/none"), { code: "PLUGIN_BAD_RESPONSE" });
});

test("the options are checked and completed by the schema in plugin.yaml", async () => {
  const folder = await plugin(
    `config: { type: object, additionalProperties: false, properties: { days: { type: integer, default: 30 } } }`,
    `routes: { "GET /": (request, { config }) => config }`,
  );
  await using opened = await openPlugin(folder);
  assert.deepEqual(await (await opened.request("/")).json(), { days: 30 });
  await assert.rejects(openPlugin(folder, { config: { days: "x" } }), { code: "PLUGIN_CONFIG" });
});

test("a handler that throws rejects with its place in the author's file", async () => {
  const folder = await plugin("", `routes: { "GET /": () => {\n  throw new TypeError("broken");\n} }`);
  await using opened = await openPlugin(folder);
  await assert.rejects(opened.request("/"), {
    code: "PLUGIN_ERROR",
    message: /broken \(src\/index\.ts:4:9\)/,
  });
});

test("a plugin that fails in start is not opened, and everything started for it is gone", async () => {
  const folder = await plugin("", `start() { throw new Error("no"); }`);
  await assert.rejects(openPlugin(folder), { code: "PLUGIN_START", message: /no/ });
});

test("a plugin with a database has its tables, in a Postgres of its own", async () => {
  const folder = await plugin(
    "permissions: { database: true }",
    `routes: { "GET /": async (request, { db }: any) => db.sql\`select text from notes where id = \${1}\` }`,
    {
      "migrations/0001_notes.sql": `create table notes (id int, text text);\ninsert into notes values (1, 'kept');`,
    },
  );
  await using opened = await openPlugin(folder);
  assert.deepEqual(await (await opened.request("/")).json(), [{ text: "kept" }]);
});

test("single host calls can be answered by the test", async () => {
  const folder = await plugin(
    "permissions: { database: true }",
    `routes: { "GET /": async (request, { db }: any) => db.sql\`select 1\` }`,
  );
  await using opened = await openPlugin(folder, {
    facades: { "db.query": () => Promise.resolve({ rows: [{ n: 1 }], rowCount: 1 }) },
  });
  assert.deepEqual(await (await opened.request("/")).json(), [{ n: 1 }]);
});

test("a folder without plugin.yaml is named", async () => {
  await assert.rejects(openPlugin(scratch), { code: "PLUGIN_NOT_FOUND", message: /plugin\.yaml/ });
});

test("fetch may be answered by a stream, and sent one", async () => {
  const folder = await plugin(
    "permissions: { fetch: [api.test] }",
    `routes: {
       "GET /": (request, { fetch }) => fetch("https://api.test/large"),
       "POST /": (request, { fetch }) => fetch("https://api.test/echo", { method: "POST", body: new ReadableStream({
         start(to) { to.enqueue(new Uint8Array(300_000).fill(97)); to.close(); } }), duplex: "half" }),
     }`,
  );
  await using opened = await openPlugin(folder, {
    fetch: (request) =>
      request.url.endsWith("/large") ? new Response("x".repeat(1_000_000)) : new Response(request.body),
  });
  assert.equal((await (await opened.request("/")).text()).length, 1_000_000);
  assert.equal((await (await opened.request("/", { method: "POST" })).text()).length, 300_000);
});
