// Plugins that need each other: loaded in waves, stopped only by what they need, and back as soon as that is there.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openTestCore, pluginFiles, testWorkspace, until, type TestCore } from "../support/workspace.ts";

const code = (body = ""): string =>
  `export default definePlugin({ routes: { "GET /": () => "here" } ${body} });\n`;
const needs = (text: string): string => `dependencies: { ${text} }\n`;

async function states(server: TestCore): Promise<Record<string, string>> {
  const { plugins } = await server.core.status();
  return Object.fromEntries(plugins.map(({ name, state, reason }) => [name, reason?.message ?? state]));
}

const sync = (server: TestCore) => server.admin("/plugins/sync", { method: "POST" });

describe("plugins that need each other", () => {
  test("one that is broken stops those that need it, directly or not, by name, and nobody else", async () => {
    await using workspace = await testWorkspace({
      ...pluginFiles("base", code(`, start() { throw new Error("not today"); }`)),
      ...pluginFiles("middle", code(), needs("base: ^1.0.0")),
      ...pluginFiles("top", code(), needs("middle: ^1.0.0")),
      ...pluginFiles("newer", code(), needs("alone: ^2.0.0")),
      ...pluginFiles("alone", code()),
    });
    await using server = await openTestCore(workspace);
    const found = await states(server);
    assert.equal(found["alone"], "ready");
    assert.match(found["base"] ?? "", /not today/);
    assert.match(found["middle"] ?? "", /needs 'base', which is not running/);
    assert.match(found["top"] ?? "", /needs 'middle', which is not running/);
    assert.match(found["newer"] ?? "", /needs 'alone' \^2\.0\.0; version 1\.0\.0 is installed/);

    await workspace.write("plugins/base/index.ts", `import { definePlugin } from "xcore/plugin";\n${code()}`);
    const reloaded = await server.admin("/plugins/base/reload", { method: "POST" });
    assert.equal(reloaded.status, 200);
    const { newer: _, ...mended } = await states(server);
    assert.deepEqual(mended, { alone: "ready", base: "ready", middle: "ready", top: "ready" });
  });

  test("one that was missing and comes brings those back that waited for it", async () => {
    await using workspace = await testWorkspace({
      ...pluginFiles("middle", code(), needs("base: ^1.0.0")),
      ...pluginFiles("top", code(), needs("middle: ^1.0.0")),
    });
    await using server = await openTestCore(workspace);
    assert.match((await states(server))["middle"] ?? "", /needs 'base' \^1\.0\.0, which is not installed/);
    for (const [path, text] of Object.entries(pluginFiles("base", code()))) await workspace.write(path, text);
    assert.equal((await sync(server)).status, 200);
    await until(
      () => states(server),
      (found) => Object.values(found).every((state) => state === "ready"),
    );
  });
});
