// Plugins that can't be loaded: each fails alone, with a reason that names fault and place, and its neighbours serve.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";
import type { PluginStatus } from "../../src/core/status.ts";

const good = `export default definePlugin({ routes: { "GET /": () => "good" } });`;

describe("plugins that can't be loaded", () => {
  let workspace: TestWorkspace;
  let server: TestCore;
  let states: Map<string, PluginStatus>;

  before(async () => {
    workspace = await testWorkspace({
      ...pluginFiles("good", good),
      ...pluginFiles(
        "does-not-compile",
        `export default definePlugin({ routes: {\n  "GET /": () => { const = 1 } } });`,
      ),
      ...pluginFiles(
        "throws-in-start",
        `export default definePlugin({ start() { throw new Error("no luck") } });`,
      ),
      ...pluginFiles(
        "hangs-in-start",
        `export default definePlugin({ start: () => new Promise(() => {}) });`,
      ),
      ...pluginFiles("throws-at-load", `throw new TypeError("top level");`),
      ...pluginFiles("loops-at-load", `for (;;);`, "limits: { cpu: 200ms }\n"),
      ...pluginFiles(
        "imports-node",
        `import { readFileSync } from "node:fs";\nimport net from "net";\nexport default definePlugin({ start() { readFileSync("/etc/passwd"); net.connect(1); } });`,
      ),
      ...pluginFiles("exports-nothing", `export const x = 1;`),
      ...pluginFiles(
        "undeclared-job",
        `export default definePlugin({ jobs: { tick: { every: "1 hour", run() {} } } });`,
      ),
      ...pluginFiles(
        "wrong-interval",
        `export default definePlugin({ jobs: { tick: { every: "often", run() {} } } });`,
        "permissions: { jobs: true }\n",
      ),
      ...pluginFiles("too-new", good),
      ...pluginFiles("needs-missing", good, "dependencies: { godo: ^1.0.0 }\n"),
      ...pluginFiles("cycle-a", good, "dependencies: { cycle-b: ^1.0.0 }\n"),
      ...pluginFiles("cycle-b", good, "dependencies: { cycle-a: ^1.0.0 }\n"),
      ...pluginFiles("twin", good),
      "plugins/twin-again/plugin.yaml": 'name: twin\nversion: 2.0.0\nxcore: ">=0.1.0"\nentry: index.ts\n',
      "plugins/twin-again/index.ts": "export default {};",
      "plugins/nameless/plugin.yaml": 'version: 1.0.0\nxcore: ">=0.1.0"\nentry: index.ts\n',
      "plugins/nameless/index.ts": "export default {};",
      "plugins/too-new/plugin.yaml": "name: too-new\nversion: 1.0.0\nxcore: ^99.0.0\nentry: index.ts\n",
    });
    server = await openTestCore(workspace, { early: true });
    // The server listens although one still hangs in its start, and says so.
    const early = new Map((await server.core.status()).plugins.map((plugin) => [plugin.name, plugin.state]));
    assert.match(early.get("hangs-in-start") ?? "", /^(installed|loading)$/);
    assert.equal(await (await server.get("/app/good/")).text(), "good");
    const { plugins } = await until(
      async () => {
        const report = await server.core.status();
        // One that the machine did not let run is tried again.
        const looper = report.plugins.find(({ name }) => name === "loops-at-load");
        if (looper?.reason?.code === "PLUGIN_CRASHED") {
          await server.admin("/plugins/loops-at-load/load", { method: "POST" });
          return server.core.status();
        }
        return report;
      },
      (report) => report.plugins.every(({ state }) => state !== "installed" && state !== "loading"),
    );
    states = new Map(plugins.map((plugin) => [plugin.name, plugin]));
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  const cases: [string, string, RegExp][] = [
    ["does-not-compile", "PLUGIN_COMPILE", /index\.ts:3:/],
    ["throws-in-start", "PLUGIN_START", /failed in start: no luck/],
    ["hangs-in-start", "PLUGIN_TIMEOUT", /start/],
    ["throws-at-load", "PLUGIN_START", /top level/],
    ["loops-at-load", "PLUGIN_CPU_LIMIT", /200 ms/],
    ["imports-node", "PLUGIN_IMPORT", /node:fs[\s\S]*net/],
    ["exports-nothing", "PLUGIN_DEFINITION", /default/],
    ["undeclared-job", "PERMISSION_UNDECLARED", /does not ask for 'jobs'/],
    ["wrong-interval", "PLUGIN_DEFINITION", /often/],
    ["too-new", "PLUGIN_INCOMPATIBLE", /\^99\.0\.0/],
    ["needs-missing", "PLUGIN_DEPENDENCY", /needs 'godo'/],
    ["cycle-a", "PLUGIN_DEPENDENCY", /cycle-a -> cycle-b -> cycle-a/],
    ["cycle-b", "PLUGIN_DEPENDENCY", /cycle-b -> cycle-a -> cycle-b/],
    ["twin", "PLUGIN_EXISTS", /2 plugins are named 'twin'/],
    ["nameless", "MANIFEST_INVALID", /name/],
  ];
  for (const [name, code, message] of cases) {
    test(`${name} fails with ${code}`, async () => {
      const status = states.get(name);
      assert.equal(status?.state, "failed");
      assert.equal(status?.reason?.code, code);
      assert.match(status?.reason?.message ?? "", message);
      assert.equal((await server.get(`/app/${name}/`)).status, 503);
    });
  }

  test("the good neighbour serves, and the report names what is wrong", async () => {
    assert.equal(await (await server.get("/app/good/")).text(), "good");
    const report = await server.core.status();
    assert.equal(report.healthy, false);
    assert.equal(report.problems.length, cases.length);
  });

  test("what a sandbox ended for is logged once, with the plugin's name", () => {
    const lines = server.log.filter(
      (line) => line.level === "error" && line.fields["plugin"] === "loops-at-load",
    );
    assert.equal(lines.length, 1);
  });
});
