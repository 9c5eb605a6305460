// A plugin with several isolates: they work at the same time, end one by one, and are replaced together.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { PluginStatus } from "../../src/core/status.ts";
import { openTestCore, pluginFiles, testWorkspace, until, type TestCore } from "../support/workspace.ts";

const code = `
let id = "none";
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export default definePlugin({
  start() { id = crypto.randomUUID(); },
  routes: {
    "GET /": () => id,
    "GET /now": () => ({ id, at: Date.now() }),
    "GET /spin": () => { const from = Date.now(); while (Date.now() < from + 1500); return { id, from, to: Date.now() }; },
    "GET /slow": async () => { await pause(600); return id; },
    "GET /stream": () => new Response(new ReadableStream({
      async start(to) {
        to.enqueue(new TextEncoder().encode(id));
        await pause(800);
        to.enqueue(new TextEncoder().encode(" done"));
        to.close();
      },
    })),
    "GET /crash": () => { const all = []; for (;;) all.push(new Array(100000).fill(all.length + 0.5)); },
  },
});`;

const integration = `name: test
server: { port: 0, drain: 20s }
admin: { token: test-token-test-token-test-token }
policy: { ceilings: { cpu: 10s } }
plugins: { many: { isolates: 2, limits: { cpu: 10s, timeout: 20s } } }
`;

async function serve(): Promise<TestCore & AsyncDisposable> {
  const workspace = await testWorkspace({
    ...pluginFiles("many", code),
    "integration.yaml": integration,
  });
  const server = await openTestCore(workspace);
  return {
    ...server,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await workspace[Symbol.asyncDispose]();
    },
  };
}

async function ask(server: TestCore, path = ""): Promise<string> {
  const answer = await server.get(`/app/many/${path}`);
  assert.equal(answer.status, 200);
  return await answer.text();
}

async function statusOf(server: TestCore): Promise<PluginStatus> {
  const [plugin] = (await server.core.status()).plugins;
  assert.ok(plugin);
  return plugin;
}

async function ids(server: TestCore): Promise<Set<string>> {
  return new Set([await ask(server), await ask(server), await ask(server), await ask(server)]);
}

describe("a plugin with two isolates", () => {
  test("is started in both; while one computes the other answers", async () => {
    await using server = await serve();
    const both = await ids(server);
    assert.equal(both.size, 2);
    assert.deepEqual((await statusOf(server)).isolates, { living: 2, wanted: 2 });
    let meanwhile: string[] = [];
    let spinner = "";
    // A machine that stood still for as long has nobody asked in time: then once more.
    for (let rounds = 0; meanwhile.length === 0 && rounds < 10; rounds += 1) {
      const over = new AbortController();
      const spinning = ask(server, "spin").finally(() => over.abort());
      const answers: { id: string; at: number }[] = [];
      while (!over.signal.aborted) answers.push(JSON.parse(await ask(server, "now")));
      const { id, from, to } = JSON.parse(await spinning) as { id: string; from: number; to: number };
      spinner = id;
      meanwhile = answers.filter(({ at }) => at > from && at < to).map((answer) => answer.id);
    }
    assert.deepEqual(
      new Set(meanwhile),
      new Set([...both].filter((id) => id !== spinner)),
      "answers meanwhile were given by the other one",
    );
  });

  test("loses only the calls of the one that crashes, which comes back", async () => {
    await using server = await serve();
    const both = await ids(server);
    const streamed = await server.get("/app/many/stream");
    const reader = (streamed.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream());
    const pieces: string[] = [];
    let crashed: Promise<Response> | undefined;
    for await (const piece of reader) {
      pieces.push(piece);
      crashed ??= server.get("/app/many/crash");
    }
    const failure = await crashed;
    assert.ok((failure?.status ?? 0) >= 500);
    assert.match(await (failure?.text() ?? ""), /PLUGIN_MEMORY_LIMIT/);
    const [survivor] = pieces;
    assert.deepEqual(pieces.join(""), `${survivor} done`);
    const { state, restarts, revision } = await until(
      () => statusOf(server),
      ({ isolates }) => isolates.living === 2,
    );
    assert.deepEqual([state, restarts, revision], ["ready", 1, 1]);
    const after = await ids(server);
    assert.equal(after.size, 2);
    assert.equal(after.has(survivor ?? ""), true);
    assert.equal([...after].filter((id) => both.has(id)).length, 1);
    assert.ok(server.log.some(({ message }) => message.endsWith("its other isolates go on")));
  });

  test("is replaced as a whole by a reload, and drained", async () => {
    await using server = await serve();
    const before = await ids(server);
    const slow = [ask(server, "slow"), ask(server, "slow"), ask(server, "slow")];
    await ask(server);
    const reloaded = await server.admin("/plugins/many/reload", { method: "POST" });
    assert.equal(reloaded.status, 200);
    const after = await ids(server);
    assert.equal(after.size, 2);
    assert.equal(new Set([...before, ...after]).size, 4);
    await Promise.all(slow);
  });

  test("that crashes on and on is given up, as one with one isolate is", async () => {
    await using server = await serve();
    const { state, reason } = await until(
      async () => {
        await (await server.get("/app/many/crash")).text();
        return statusOf(server);
      },
      (status) => status.state === "quarantined",
    );
    assert.deepEqual([state, reason?.code], ["quarantined", "PLUGIN_MEMORY_LIMIT"]);
  });
});
