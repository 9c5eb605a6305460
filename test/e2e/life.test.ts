// Start, stop, crash and the port of a real core.
import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, test } from "node:test";
import { readConfig } from "../../src/core/config/read.ts";
import { openCore } from "../../src/core/core.ts";
import { endsOf } from "../support/ends.ts";
import { keptLog, openTestCore, pluginFiles, testWorkspace, until } from "../support/workspace.ts";

const slow = `export default definePlugin({ routes: {
  "GET /": () => "quick",
  "GET /slow": () => { console.log("slow began"); return new Promise((resolve) => setTimeout(() => resolve("slow but whole"), 400)); },
  "GET /spin": () => { for (;;); },
  "GET /never": () => { console.log("never began"); return new Promise(() => {}); },
} });`;

async function occupy(port: number): Promise<{ port: number } & Disposable> {
  const server = createServer();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    [Symbol.dispose]: () => server.close(),
  };
}

describe("the life of a server", () => {
  test("a stop lets a request under way finish and takes no new one", async () => {
    await using workspace = await testWorkspace(pluginFiles("slow", slow));
    const server = await openTestCore(workspace);
    const underWay = server.get("/app/slow/slow");
    await until(
      () => server.log.some(({ message }) => message === "slow began"),
      (began) => began,
    );
    const closed = server.core.close({ drain: true });
    await assert.rejects(server.get("/app/slow/"));
    assert.equal(await (await underWay).text(), "slow but whole");
    await closed;
  });

  test("a hurried stop cuts what is under way", async () => {
    await using workspace = await testWorkspace({
      ...pluginFiles("slow", slow),
      "integration.yaml": "name: test\nserver: { port: 0, drain: 5m }\n",
    });
    const server = await openTestCore(workspace);
    const underWay = assert.rejects(server.get("/app/slow/never"), "it was cut, not answered");
    await until(
      () => server.log.some(({ message }) => message === "never began"),
      (began) => began,
    );
    const first = server.core.close({ drain: true });
    await server.core.close({ drain: false });
    await first;
    await underWay;
  });

  test("a second server of the same project is refused, and a stale socket is replaced", async () => {
    await using workspace = await testWorkspace(pluginFiles("slow", slow));
    await using _server = await openTestCore(workspace);
    await assert.rejects(openTestCore(workspace), { code: "SERVER_RUNNING" });
  });

  test("a spinning plugin is ended with its cap, and comes back by itself; its neighbour in another host never notices", async () => {
    await using workspace = await testWorkspace({
      ...pluginFiles("slow", slow),
      ...pluginFiles("good", `export default definePlugin({ routes: { "GET /": () => "good" } });`),
      "integration.yaml":
        "name: test\nserver: { port: 0 }\nplugins: { slow: { isolation: own } }\nadmin: { token: test-token-test-token-test-token }\n",
    });
    await using server = await openTestCore(workspace);
    const spin = async (): Promise<unknown[]> => {
      const answer = await server.get("/app/slow/spin");
      return [answer.status, ((await answer.json()) as { code: string }).code];
    };
    // A machine that starves it says so, and nobody is to blame.
    assert.deepEqual(await until(spin, ([, code]) => code !== "PLUGIN_CRASHED"), [503, "PLUGIN_CPU_LIMIT"]);
    assert.equal(await (await server.get("/app/good/")).text(), "good");
    await until(
      async () => (await server.get("/app/slow/")).status,
      (status) => status === 200,
    );
    assert.deepEqual(
      ["good", "slow"].map((name) => endsOf(server.log, name).length),
      [0, 1],
    );
  });

  test("a call that never answers fails at its deadline and the plugin lives on", async () => {
    await using workspace = await testWorkspace(pluginFiles("slow", slow, "limits: { timeout: 300ms }\n"));
    await using server = await openTestCore(workspace);
    const never = await server.get("/app/slow/never");
    assert.deepEqual(
      [never.status, ((await never.json()) as { code: string }).code],
      [504, "PLUGIN_TIMEOUT"],
    );
    await until(
      async () => (await server.get("/app/slow/")).text(),
      (text) => text === "quick",
    );
    assert.deepEqual(endsOf(server.log, "slow"), []);
  });

  test("crashes in a row end in quarantine, which a reload lifts", async () => {
    await using workspace = await testWorkspace(pluginFiles("slow", slow, "limits: { cpu: 20ms }\n"));
    await using server = await openTestCore(workspace);
    await until(
      async () => {
        await (await server.get("/app/slow/spin")).text();
        return (await server.core.status()).plugins[0]?.state;
      },
      (state) => state === "quarantined",
    );
    assert.equal((await server.get("/app/slow/")).status, 503);
    assert.equal((await server.admin("/plugins/slow/reload", { method: "POST" })).status, 200);
    await until(
      async () => (await server.get("/app/slow/")).text(),
      (text) => text === "quick",
    );
  });

  test("a taken explicit port is refused naming its holder; the default one moves", async () => {
    await using workspace = await testWorkspace();
    using taken = await occupy(0);
    await workspace.write("integration.yaml", `name: test\nserver: { port: ${taken.port} }\n`);
    const explicit = await readConfig({ workspace: workspace.folder, env: {} });
    await assert.rejects(openCore({ config: explicit, logger: keptLog() }), {
      code: "PORT_TAKEN",
      message: new RegExp(`port ${taken.port} is taken by pid ${process.pid}`),
    });
    const implicit = { ...explicit, server: { ...explicit.server, portExplicit: false } };
    const logger = keptLog();
    await using moved = await openCore({ config: implicit, logger });
    assert.notEqual(new URL(moved.address).port, String(taken.port));
    assert.ok(logger.lines.some((line) => line.message.includes(`port ${taken.port} is taken; moved to`)));
  });

  test("a full range of ports is named", async () => {
    await using workspace = await testWorkspace();
    using stack = new DisposableStack();
    let first = 0;
    search: for (let base = 20_000; base < 60_000; base += 97) {
      const held: Disposable[] = [];
      for (let port = base; port < base + 20; port += 1) {
        const one = await occupy(port).catch(() => undefined);
        if (one === undefined) {
          held.forEach((holder) => holder[Symbol.dispose]());
          continue search;
        }
        held.push(one);
      }
      held.forEach((holder) => stack.use(holder));
      first = base;
      break;
    }
    const config = await readConfig({ workspace: workspace.folder, env: {} });
    const full = { ...config, server: { ...config.server, port: first, portExplicit: false } };
    await assert.rejects(openCore({ config: full, logger: keptLog() }), {
      code: "PORT_TAKEN",
      message: new RegExp(`ports ${first} to ${first + 19} are all taken`),
    });
  });
});
