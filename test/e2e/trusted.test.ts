// Plugins that the installation trusts by digest: in the core's own process, with Node, behind the same doors as all others.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openTestCore, pluginFiles, testWorkspace, until, type TestWorkspace } from "../support/workspace.ts";
import { inventoryEntry } from "../../src/core/plugins/installer/inventory.ts";
import { readConfig } from "../../src/core/config/read.ts";

const code = `import { readFileSync } from "node:fs";
import { hostname } from "node:os";
const manifest = readFileSync(__dirname + "/plugin.yaml", "utf8");
let started = 0;
let ticks = 0;
export default definePlugin({
  routes: {
    "GET /": () => ({ pid: process.pid, host: hostname(), manifest: manifest.split("\\n")[0], started }),
    "POST /rows/:text": async (request, { db, params }) => { await db.sql\`insert into rows (text) values (\${params.text})\`; return "stored"; },
    "GET /rows": async (request, { db }) => db.sql\`select text from rows\`,
    "GET /ticks": () => ticks,
    "GET /cache": async (request, { cache }) => cache.get("x"),
    "GET /throw": () => { throw new Error("on purpose"); },
    "GET /hang": () => new Promise(() => undefined),
    "GET /late": async () => { await new Promise((resolve) => setTimeout(resolve, 5)); return new Response(new Uint8Array([104, 105]), { headers: { "x-kind": "bytes" } }); },
    "GET /stream": () => new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("one ")); c.enqueue(new TextEncoder().encode("two")); c.close(); } })),
  },
  fetch: async (request) => new Response(request.method + " " + new URL(request.url).pathname + " " + await request.text()),
  actions: { double: { input: { type: "number" }, run: (n, ctx) => { ctx.log.info("doubling", { n }); return n * 2; } } },
  start: () => { started += 1; setInterval(() => { ticks += 1; }, 1); },
});`;

const integration = (digest?: string): string =>
  [
    "name: test",
    "server: { port: 0, drain: 500ms }",
    "admin: { token: test-token-test-token-test-token }",
    ...(digest === undefined ? [] : ["plugins:", `  insider: { trust: { digest: ${digest} } }`]),
    "",
  ].join("\n");

async function workspaceWith(text: string): Promise<TestWorkspace> {
  return testWorkspace({
    "integration.yaml": integration(),
    ...pluginFiles("insider", text, "permissions: { database: true }\nlimits: { timeout: 2s }\n"),
    "plugins/insider/migrations/0001_rows.sql":
      "-- migrate:up\ncreate table rows (text text not null);\n-- migrate:down\ndrop table rows;\n",
  });
}

async function digestOf(workspace: TestWorkspace): Promise<string> {
  const config = await readConfig({ workspace: workspace.folder, env: {} });
  const { digest } = await inventoryEntry(config, "insider");
  assert.match(digest ?? "", /^sha256-[0-9a-f]{64}$/);
  return digest ?? "";
}

interface Problem {
  code: string;
  detail: string;
}

describe("a trusted plugin", () => {
  test("runs in the core's process with Node's modules, its permissions, deadlines and errors those of a sandbox", async () => {
    await using workspace = await workspaceWith(code);
    await workspace.write("integration.yaml", integration(await digestOf(workspace)));
    await using server = await openTestCore(workspace);
    const get = async (path: string, init?: RequestInit): Promise<{ status: number; text: string }> => {
      const answer = await server.get(`/app/insider${path}`, init);
      return { status: answer.status, text: await answer.text() };
    };
    const info = JSON.parse((await get("/")).text) as Record<string, unknown>;
    assert.deepEqual([info["pid"], info["manifest"], info["started"]], [process.pid, "name: insider", 1]);
    assert.equal((await get("/rows/first", { method: "POST" })).text, "stored");
    assert.deepEqual(JSON.parse((await get("/rows")).text), [{ text: "first" }]);
    assert.deepEqual(await get("/elsewhere?x=1", { method: "POST", body: "body" }), {
      status: 200,
      text: "POST /elsewhere body",
    });
    assert.deepEqual(await get("/late"), { status: 200, text: "hi" });
    assert.deepEqual(await get("/stream"), { status: 200, text: "one two" });

    const problem = async (path: string): Promise<Problem> => JSON.parse((await get(path)).text) as Problem;
    assert.match((await problem("/cache")).detail, /'cache' is not declared/);
    const thrown = await problem("/throw");
    assert.deepEqual([thrown.code, /on purpose/.test(thrown.detail)], ["PLUGIN_ERROR", true]);
    assert.equal((await problem("/hang")).code, "PLUGIN_TIMEOUT");

    const called = await server.admin("/plugins/insider/actions/double", { method: "POST", body: "21" });
    assert.equal(JSON.stringify(await called.json()).includes("42"), true);
    const logged = server.log.find(({ message }) => message === "doubling");
    assert.deepEqual(logged?.fields["guest"], { n: 21 });
    const [status] = (await server.core.status()).plugins;
    assert.deepEqual([status?.trusted, status?.hostPid, status?.state], [true, process.pid, "ready"]);
    const stack = server.log.find(({ message }) => /on purpose/.test(message));
    assert.match(JSON.stringify(stack?.fields), /index\.ts:\d+/, "its stack names the source");
  });

  test("does not run when its code is not what was trusted: the error names both digests and what prints them", async () => {
    await using workspace = await workspaceWith(code);
    const other = `sha256-${"0".repeat(64)}`;
    await workspace.write("integration.yaml", integration(other));
    const digest = await digestOf(workspace);
    await using server = await openTestCore(workspace);
    const [status] = (await server.core.status()).plugins;
    assert.deepEqual([status?.state, status?.reason?.code], ["failed", "PLUGIN_UNTRUSTED"]);
    for (const part of [other, digest]) assert.ok(status?.reason?.message.includes(part));
    const line = server.log.find(({ fields }) => fields["code"] === "PLUGIN_UNTRUSTED");
    assert.match(String(line?.fields["hint"]), /xcore plugin info insider/);
    assert.equal((await server.get("/app/insider/")).status, 503);
  });

  test("without trust stays in a sandbox, where Node's modules do not exist", async () => {
    await using workspace = await workspaceWith(code);
    await using server = await openTestCore(workspace);
    const [status] = (await server.core.status()).plugins;
    assert.deepEqual(
      [status?.state, status?.reason?.code, status?.trusted],
      ["failed", "PLUGIN_IMPORT", false],
    );
  });

  test("that is saved anew keeps serving as it was until the new code is trusted; then the old one's timers are gone", async () => {
    await using workspace = await workspaceWith(code);
    await workspace.write("integration.yaml", integration(await digestOf(workspace)));
    await using server = await openTestCore(workspace, { watch: true });
    assert.equal((await server.get("/app/insider/")).status, 200);
    const changed = code.replace("const manifest =", "export const revision = 2;\nconst manifest =");
    await workspace.write(
      "plugins/insider/index.ts",
      `import { definePlugin } from "xcore/plugin";\n${changed.replace('"GET /ticks": () => ticks', '"GET /ticks": () => "new"')}`,
    );
    const refused = await until(
      () => server.log.find(({ fields }) => fields["code"] === "PLUGIN_UNTRUSTED"),
      (line) => line !== undefined,
    );
    assert.match(String(refused?.message), /revision 1 keeps serving: plugin 'insider' is trusted as/);
    assert.notEqual(await (await server.get("/app/insider/ticks")).text(), "new");
    await workspace.write("integration.yaml", integration(await digestOf(workspace)));
    await until(
      async () => (await server.get("/app/insider/ticks")).text(),
      (text) => text === "new",
    );
  });

  test("may start with modules only that its digest covers", async () => {
    await using workspace = await workspaceWith(
      `const name = ["./", "elsewhere.cjs"].join("");
export default definePlugin({ routes: { "GET /": async () => { try { return await import(name); } catch (error) { return String(error.message); } } } });`,
    );
    await workspace.write("plugins/insider/elsewhere.cjs", "module.exports = 'ran';");
    await workspace.write("integration.yaml", integration(await digestOf(workspace)));
    await using server = await openTestCore(workspace);
    assert.match(
      await (await server.get("/app/insider/")).text(),
      /'\.\/elsewhere\.cjs' is not part of the plugin's bundle/,
    );
  });
});
