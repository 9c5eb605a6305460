// A plugin answers as soon as it is up, while others are still loading; the server calls itself ready later.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { readConfig } from "../../src/core/config/read.ts";
import { openCore } from "../../src/core/core.ts";
import { freePort } from "../support/ports.ts";
import { keptLog, pluginFiles, testWorkspace } from "../support/workspace.ts";

const quick = 'export default definePlugin({ routes: { "GET /": () => "quick" } });';
const late =
  "export default definePlugin({ start: () => new Promise((resolve) => setTimeout(resolve, 4000)), routes: {} });";
/** The server waits three seconds for the late one; a machine may be too busy to load the other one by then. */
const attempts = 5;

test("what is up answers before the server is ready", { timeout: 120_000 }, async () => {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const port = await freePort();
    await using workspace = await testWorkspace({
      "integration.yaml": `name: test\nserver: { port: ${port} }\n`,
      ...pluginFiles("quick", quick),
      ...pluginFiles("late", late),
    });
    const config = await readConfig({ workspace: workspace.folder, env: {} });
    const ready = new AbortController();
    const opening = openCore({ config, logger: keptLog() }).finally(() => ready.abort());
    const address = `http://127.0.0.1:${port}`;
    let seen: { body: string; ready: number } | undefined;
    while (seen === undefined && !ready.signal.aborted)
      seen = await answersOf(address).catch(() => sleep(10, undefined));
    await using _core = await opening;
    assert.equal((await fetch(`${address}/readyz`)).status, 200);
    if (seen?.ready !== 503) continue;
    assert.equal(seen.body, "quick");
    return;
  }
  assert.fail(`nothing answered early in ${attempts} starts`);
});

async function answersOf(address: string): Promise<{ body: string; ready: number }> {
  const answer = await fetch(`${address}/app/quick/`);
  const body = await answer.text();
  if (!answer.ok) throw new Error(body);
  return { body, ready: (await fetch(`${address}/readyz`)).status };
}
