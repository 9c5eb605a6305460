// serve --watch: what a save touches is loaded anew beside the living revision, and nothing is dropped.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openTestCore, pluginFiles, testIntegration, testWorkspace, until } from "../support/workspace.ts";

const answering = (text: string): string =>
  `export default definePlugin({ routes: { "GET /": () => "${text}" } });`;
const code = (body: string): string => `import { definePlugin } from "xcore/plugin";\n${body}`;

describe("a watched project", () => {
  test("serves the new revision after a save, without one failed request, and reloads nothing else", async () => {
    await using workspace = await testWorkspace({
      ...pluginFiles("edited", answering("one")),
      ...pluginFiles("other", answering("other")),
    });
    await using server = await openTestCore(workspace, { watch: true });
    const enough = new AbortController();
    const failures: number[] = [];
    let requests = 0;
    const load = (async () => {
      while (!enough.signal.aborted) {
        const answer = await server.get("/app/edited/");
        await answer.text();
        requests += 1;
        if (answer.status !== 200) failures.push(answer.status);
      }
    })();
    for (const word of ["two", "three", "four"]) {
      await workspace.write("plugins/edited/index.ts", code(answering(word)));
      await until(
        async () => (await server.get("/app/edited/")).text(),
        (text) => text === word,
      );
    }
    enough.abort();
    await load;
    assert.deepEqual(failures, []);
    assert.ok(requests > 3);
    // A file system that is slow may tell of one save twice.
    const revisions = new Map(
      (await server.core.status()).plugins.map(({ name, revision }) => [name, revision]),
    );
    assert.ok((revisions.get("edited") ?? 0) >= 4, `${revisions.get("edited")} revisions after three saves`);
    assert.equal(revisions.get("other"), 1);
  });

  test("shows a bad save with its TypeScript line while the old revision serves, and takes the next good one", async () => {
    await using workspace = await testWorkspace(pluginFiles("edited", answering("one")));
    await using server = await openTestCore(workspace, { watch: true });
    await workspace.write(
      "plugins/edited/index.ts",
      code(`export default definePlugin({\n  routes: { "GET /": () => }\n});`),
    );
    const fault = await until(
      () => server.log.find((line) => line.level === "error"),
      (line) => line !== undefined,
    );
    assert.match(fault?.message ?? "", /index\.ts:3:\d+/);
    assert.match(fault?.message ?? "", /revision 1 keeps serving/);
    assert.equal(await (await server.get("/app/edited/")).text(), "one");
    await workspace.write(
      "plugins/edited/index.ts",
      code(`export default definePlugin({ start() { throw new Error("no") } });`),
    );
    await until(
      () => server.log.filter((line) => line.level === "error").length,
      (count) => count === 2,
    );
    assert.equal(await (await server.get("/app/edited/")).text(), "one");
    await workspace.write("plugins/edited/index.ts", code(answering("two")));
    await until(
      async () => (await server.get("/app/edited/")).text(),
      (text) => text === "two",
    );
    const { plugins, healthy } = await server.core.status();
    assert.deepEqual([plugins[0]?.reason, healthy], [null, true]);
  });

  test("a changed option reloads its plugin alone; a broken integration.yaml changes nothing", async () => {
    const greeting = `export default definePlugin({ routes: { "GET /": (_request, { config }) => config.word } });`;
    const manifest = "config: { type: object, properties: { word: { type: string, default: first } } }\n";
    await using workspace = await testWorkspace({
      ...pluginFiles("configured", greeting, manifest),
      ...pluginFiles("other", answering("other")),
    });
    await using server = await openTestCore(workspace, { watch: true });
    await workspace.write(
      "integration.yaml",
      `${testIntegration}plugins: { configured: { config: { word: second } } }\n`,
    );
    await until(
      async () => (await server.get("/app/configured/")).text(),
      (text) => text === "second",
    );
    await workspace.write("integration.yaml", `${testIntegration}plugin: {}\n`);
    const fault = await until(
      () => server.log.find((line) => line.level === "error"),
      (line) => line !== undefined,
    );
    assert.match(fault?.message ?? "", /integration\.yaml:5:1/);
    assert.match(fault?.message ?? "", /plugins/);
    assert.equal(await (await server.get("/app/configured/")).text(), "second");
    const { plugins } = await server.core.status();
    assert.deepEqual(
      plugins.map((plugin) => [plugin.name, plugin.revision]),
      [
        ["configured", 2],
        ["other", 1],
      ],
    );
  });

  test("a plugin that appears is mounted, one that goes is unmounted", async () => {
    await using workspace = await testWorkspace(pluginFiles("first", answering("first")));
    await using server = await openTestCore(workspace, { watch: true });
    for (const [path, text] of Object.entries(pluginFiles("second", answering("second"))))
      await workspace.write(path, text);
    await until(
      async () => (await server.get("/app/second/")).status,
      (status) => status === 200,
    );
    await workspace.remove("plugins/second");
    await until(
      async () => (await server.get("/app/second/")).status,
      (status) => status === 404,
    );
    assert.equal((await server.get("/app/first/")).status, 200);
  });

  test("plugin-env.d.ts follows the manifest", async () => {
    await using workspace = await testWorkspace(
      pluginFiles("typed", answering("x"), "permissions: { cache: true }\n"),
    );
    await using _server = await openTestCore(workspace, { watch: true });
    const { readFile } = await import("node:fs/promises");
    const types = await readFile(`${workspace.folder}/plugins/typed/plugin-env.d.ts`, "utf8");
    assert.match(types, /"cache"/);
  });
});
