// How a server starts: it has its port first, lets nobody into what is half there, and each plugin answers as soon as it is up.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { describe, test } from "node:test";
import { readConfig } from "../../src/core/config/read.ts";
import { openCore } from "../../src/core/core.ts";
import { freePort } from "../support/ports.ts";
import { keptLog, pluginFiles, testWorkspace, until } from "../support/workspace.ts";

const quick = `export default definePlugin({ routes: { "GET /": () => "quick" } });`;

describe("a start", () => {
  test("whose port is taken fails before a service is opened, a migration or a plugin is run", async () => {
    await using holder = createServer().listen(0, "127.0.0.1");
    await once(holder, "listening");
    const { port } = holder.address() as AddressInfo;
    await using workspace = await testWorkspace({
      ...pluginFiles("quick", quick),
      "integration.yaml": `name: test\nserver: { port: ${port} }\n`,
    });
    const config = await readConfig({ workspace: workspace.folder, env: {} });
    const logger = keptLog();
    await assert.rejects(openCore({ config, logger }), { code: "PORT_TAKEN" });
    assert.ok(!existsSync(`${workspace.folder}/.xcore/postgres`), "no database was made");
    assert.ok(!logger.lines.some(({ message }) => /Postgres|plugin ready/.test(message)));
  });

  test("lets requests wait for a plugin that is still loading, while others answer; ready comes last", async () => {
    const port = await freePort();
    // Loading until both others were asked.
    const slow = `export default definePlugin({
  routes: { "GET /": () => "slow" },
  start: async ({ call }) => {
    for (const name of ["quick", "opener"])
      while ((await call(name + ".asked").catch(() => false)) !== true) await new Promise((resolve) => setTimeout(resolve, 20));
  },
});`;
    const answering = (text: string): string => `let asked = false;
export default definePlugin({
  routes: { "GET /": () => { asked = true; return "${text}"; } },
  actions: { asked: { run: () => asked } },
});`;
    await using workspace = await testWorkspace({
      ...pluginFiles("opener", answering("opener")),
      ...pluginFiles("quick", answering("quick")),
      ...pluginFiles("slow", slow, "permissions: { call: [quick.asked, opener.asked] }\n"),
      ...pluginFiles("behind", quick, "dependencies: { slow: ^1.0.0 }\n"),
      "integration.yaml": `name: test\nserver: { port: ${port} }\nadmin: { token: test-token-test-token-test-token }\n`,
    });
    const config = await readConfig({ workspace: workspace.folder, env: {} });
    const order: string[] = [];
    // Making a database, or loading, may take longer than a request has patience; then it is asked again.
    const ask = async (name: string): Promise<string> => {
      const answer = await fetch(`http://127.0.0.1:${port}/app/${name}/`);
      const text = await answer.text();
      if (answer.status === 503 && /SERVER_STARTING|is still loading/.test(text)) return ask(name);
      order.push(name);
      return `${answer.status} ${text}`;
    };
    const opening = openCore({ config, logger: keptLog() }).then((core) => {
      order.push("ready");
      return core;
    });
    const live = await until(
      () =>
        fetch(`http://127.0.0.1:${port}/livez`).then(
          (answer) => answer.status,
          () => 0,
        ),
      (status) => status === 200,
    );
    assert.equal(live, 200);
    // What is not there yet is waited for.
    const answers = await Promise.all(["slow", "quick", "behind", "opener"].map(ask));
    await using core = await opening;
    assert.deepEqual(answers, ["200 slow", "200 quick", "200 quick", "200 opener"]);
    assert.ok(order.indexOf("quick") < order.indexOf("slow"), order.join());
    assert.ok(order.indexOf("opener") < order.indexOf("slow"), order.join());
    const readyz = await fetch(`${core.address}/readyz`);
    assert.equal(readyz.status, 200);
  });

  test("is not ready, and says so, while it is under way", async () => {
    const port = await freePort();
    await using workspace = await testWorkspace({
      ...pluginFiles(
        "slow",
        `export default definePlugin({ start: () => new Promise((resolve) => setTimeout(resolve, 1500)) });`,
      ),
      "integration.yaml": `name: test\nserver: { port: ${port} }\n`,
    });
    const config = await readConfig({ workspace: workspace.folder, env: {} });
    let isOpen = false;
    const seen: number[] = [];
    const opening = openCore({ config, logger: keptLog() }).then((core) => {
      isOpen = true;
      return core;
    });
    await until(
      async () => {
        const status = await fetch(`http://127.0.0.1:${port}/readyz`).then(
          (answer) => answer.status,
          () => 0,
        );
        if (!isOpen && status !== 0) seen.push(status);
        return isOpen;
      },
      (open) => open,
    );
    await using core = await opening;
    assert.ok(seen.length > 0 && seen.every((status) => status === 503), seen.join());
    assert.equal((await fetch(`${core.address}/readyz`)).status, 200);
  });
});
