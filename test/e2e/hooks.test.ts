// Hooks of a trusted plugin around the requests and actions of others, on the real server.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readConfig } from "../../src/core/config/read.ts";
import { inventoryEntry } from "../../src/core/plugins/installer/inventory.ts";
import { openTestCore, pluginFiles, testWorkspace, until, type TestWorkspace } from "../support/workspace.ts";

const guard = `const seen = [];
export default definePlugin({
  routes: { "GET /seen": () => seen, "GET /own": (request) => ({ user: request.headers.get("x-user") }) },
  hooks: {
    request: {
      before(call) {
        const headers = new Map(call.headers.map(([name, value]) => [name.toLowerCase(), value]));
        if (headers.get("x-fail") !== undefined) throw new Error("on purpose");
        if (headers.get("x-wrong") !== undefined) return { nonsense: true };
        if (headers.get("x-block") !== undefined) return new Response("not for you", { status: 403, headers: { "x-why": "blocked" } });
        return { headers: { "x-user": "ann", cookie: null } };
      },
      after(call) {
        if (call.url.endsWith("/after-throws")) throw new Error("too late");
        return { headers: { "x-guard": call.method + " " + call.status, "x-powered-by": null } };
      },
      error(call) { seen.push({ url: new URL(call.url).pathname, plugin: call.plugin, code: call.error.code }); },
    },
    action: {
      before({ caller, action, input }) { if (input < 0) throw new Error("negative"); return { input: input + 1 }; },
      after({ output }) { return { output: { output } }; },
      error({ plugin, action, caller, error }) { seen.push({ action: plugin + "." + action, caller, code: error.code }); },
    },
  },
});`;

const worker = `export default definePlugin({
  routes: {
    "GET /": (request) => new Response(JSON.stringify({ user: request.headers.get("x-user"), cookie: request.headers.get("cookie") }), { headers: { "x-powered-by": "me" } }),
    "GET /after-throws": () => "fine",
    "GET /throw": () => { throw new Error("broken"); },
    "POST /echo": (request) => request.text(),
  },
  actions: { half: { run: (n) => n / 2 }, fail: { run: () => { throw new Error("no"); } } },
});`;

const integration = (digest?: string): string =>
  [
    "name: test",
    "server: { port: 0, drain: 500ms }",
    "admin: { token: test-token-test-token-test-token }",
    ...(digest === undefined ? [] : ["plugins:", `  guard: { trust: { digest: ${digest}, hooks: true } }`]),
    "",
  ].join("\n");

async function opened(code = guard): Promise<TestWorkspace> {
  const workspace = await testWorkspace({
    "integration.yaml": integration(),
    ...pluginFiles("guard", code),
    ...pluginFiles("worker", worker),
  });
  const config = await readConfig({ workspace: workspace.folder, env: {} });
  const { digest } = await inventoryEntry(config, "guard");
  await workspace.write("integration.yaml", integration(digest ?? ""));
  return workspace;
}

describe("hooks of a trusted plugin", () => {
  test("see, change, answer and refuse the requests of others, never their own, and go with it", async () => {
    await using workspace = await opened();
    await using server = await openTestCore(workspace);
    const answer = await server.get("/app/worker/", { headers: { cookie: "session=1", "x-user": "forged" } });
    assert.deepEqual(await answer.json(), { user: "ann", cookie: null });
    assert.deepEqual([answer.headers.get("x-guard"), answer.headers.get("x-powered-by")], ["GET 200", null]);
    const echoed = await server.get("/app/worker/echo", { method: "POST", body: "x".repeat(300_000) });
    assert.equal((await echoed.text()).length, 300_000);

    const blocked = await server.get("/app/worker/", { headers: { "x-block": "1" } });
    assert.deepEqual(
      [blocked.status, await blocked.text(), blocked.headers.get("x-why"), blocked.headers.get("x-guard")],
      [403, "not for you", "blocked", "GET 403"],
    );
    for (const name of ["x-fail", "x-wrong"]) {
      const failed = await server.get("/app/worker/", { headers: { [name]: "1" } });
      assert.ok(failed.status >= 500, `${name}: a hook that fails lets nothing through`);
      await failed.text();
    }
    assert.equal(await (await server.get("/app/worker/after-throws")).text(), "fine");
    assert.ok(
      server.log.some(({ message }) =>
        /hook request\.after of plugin 'guard' failed.*too late/.test(message),
      ),
    );
    assert.equal((await server.get("/app/worker/throw")).status, 500);
    const seen = await until(
      async () => (await (await server.get("/app/guard/seen")).json()) as unknown[],
      (list) => list.length > 0,
    );
    assert.deepEqual(seen, [{ url: "/throw", plugin: "worker", code: "PLUGIN_ERROR" }]);
    assert.deepEqual(await (await server.get("/app/guard/own")).json(), { user: null });

    await server.admin("/plugins/guard/unload", { method: "POST" });
    const without = await server.get("/app/worker/", { headers: { "x-user": "bob" } });
    assert.deepEqual(
      [without.status, ((await without.json()) as { code: string }).code],
      [503, "PLUGIN_NOT_READY"],
      "nothing gets by it",
    );
    await workspace.write("integration.yaml", `${integration()}plugins: { guard: { enabled: false } }\n`);
    await server.admin("/plugins/sync", { method: "POST" });
    const plain = await server.get("/app/worker/", { headers: { "x-user": "bob" } });
    assert.deepEqual(
      [await plain.json(), plain.headers.get("x-guard")],
      [{ user: "bob", cookie: null }, null],
    );
  });

  test("let nothing by while it is still starting, and nothing at all when it does not load", async () => {
    const slow = guard.replace(
      "hooks: {",
      "start: () => new Promise((resolve) => setTimeout(resolve, 700)),\n  hooks: {",
    );
    await using workspace = await opened(slow);
    await using server = await openTestCore(workspace);
    assert.equal((await server.get("/app/worker/", { headers: { "x-block": "1" } })).status, 403);
    await using other = await testWorkspace({
      ...pluginFiles("guard", guard),
      ...pluginFiles("worker", worker),
      "integration.yaml": integration(`sha256-${"0".repeat(64)}`),
    });
    await using unguarded = await openTestCore(other);
    assert.equal((await unguarded.get("/app/worker/")).status, 503);
    const called = await unguarded.admin("/plugins/worker/actions/half", { method: "POST", body: "4" });
    assert.equal(called.status, 503);
  });

  test("see, change and refuse actions", async () => {
    await using workspace = await opened();
    await using server = await openTestCore(workspace);
    const call = async (action: string, input: number): Promise<{ status: number; text: string }> => {
      const answer = await server.admin(`/plugins/worker/actions/${action}`, {
        method: "POST",
        body: JSON.stringify(input),
      });
      return { status: answer.status, text: await answer.text() };
    };
    assert.deepEqual(await call("half", 9), { status: 200, text: '{"output":5}' });
    const refused = await call("half", -1);
    assert.ok(refused.status >= 500 && /negative/.test(refused.text), refused.text);
    assert.equal((await call("fail", 1)).status, 500);
    const seen = await until(
      async () => (await (await server.get("/app/guard/seen")).json()) as unknown[],
      (list) => list.length > 0,
    );
    assert.deepEqual(seen, [{ action: "worker.fail", caller: null, code: "PLUGIN_ERROR" }]);
  });

  test("are not for a plugin in a sandbox", async () => {
    await using workspace = await opened();
    await workspace.write("integration.yaml", integration());
    await using server = await openTestCore(workspace);
    const found = (await server.core.status()).plugins.find(({ name }) => name === "guard");
    assert.deepEqual([found?.state, found?.reason?.code], ["failed", "PLUGIN_DEFINITION"]);
    assert.match(found?.reason?.message ?? "", /only a trusted plugin may have/);
    assert.equal((await server.get("/app/worker/")).status, 200);
  });
});
