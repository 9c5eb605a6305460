// Every example of docs/plugins/writing.md, type-checked and run; and what it says of the globals.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { packageFile, packageRoot } from "../../src/core/base/package-root.ts";
import { pluginTypes } from "../../src/core/plugins/plugin-types.ts";
import { readManifest } from "../../src/core/plugins/read-manifest.ts";
import { openPlugin } from "../../src/testing.ts";
import { ensureBuilt } from "../core/sandbox/built.ts";

const run = promisify(execFile);
const page = await readFile(packageFile("docs", "plugins", "writing.md"), "utf8");
const blocks = [...page.matchAll(/^```\w+\n(.*?)^```$/gms)].map((match) => match[1] ?? "");

describe("docs/plugins/writing.md", () => {
  let folder: string;

  before(async () => {
    await ensureBuilt();
    folder = await mkdtemp(join(tmpdir(), "xcore-writing-"));
    for (const block of blocks) {
      const path = /^(?:#|--|\/\/) (\S+\.\w+)\n/.exec(block)?.[1];
      if (path !== undefined && path !== "integration.yaml") await write(path, block);
    }
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }

  async function checkTypes(): Promise<void> {
    await write("plugin-env.d.ts", pluginTypes(await readManifest(folder)));
    const paths = { "xcore/plugin": [packageFile("src", "guest", "plugin-module.ts")] };
    const config = {
      extends: packageFile("tsconfig.plugin.json"),
      compilerOptions: { paths },
      include: ["src", "*.d.ts"],
    };
    await write("tsconfig.json", JSON.stringify(config));
    const { stdout } = await run(packageFile("node_modules", ".bin", "tsc"), ["-p", folder]).catch(
      (error: { stdout: string }) => error,
    );
    assert.equal(stdout, "");
  }

  it("has a plugin whose own test passes", async () => {
    await checkTypes();
    const test = await readFile(join(folder, "test", "tasks.test.ts"), "utf8");
    await write("test/tasks.test.ts", test.replace("xcore/testing", `${packageRoot}/src/testing.ts`));
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    await run(process.execPath, ["--no-node-snapshot", "--test", "test/tasks.test.ts"], { cwd: folder, env });
  });

  it("has routes that all answer, and names the globals that there are", async () => {
    const routes = blocks.filter((block) => block.startsWith('"GET /')).join("\n");
    const listed = (words: string): string[] => {
      const sentence = new RegExp(`^${words} (\`[^.]+)\\.`, "m").exec(page)?.[1] ?? "";
      return [...sentence.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? "");
    };
    const [there, absent] = [listed("There are"), listed("There are not")];
    assert.ok(there.length > 20 && absent.length > 10);
    const ask = `"GET /globals": () => ${JSON.stringify([...there, ...absent])}.filter((name) => name in globalThis),`;
    await write(
      "src/index.ts",
      `import { definePlugin, HttpError } from "xcore/plugin";
      export default definePlugin({ jobs: { cleanup: { run: () => undefined } }, routes: {
      ${routes}
      ${ask} } });`,
    );
    await checkTypes();
    await using plugin = await openPlugin(folder, {
      secrets: { TASKS_TOKEN: "secret" },
      actions: { "mailer.send": () => ({ id: 1 }) },
      fetch: () => Response.json({ now: 0 }),
    });
    const answers: Record<string, unknown> = {};
    for (const route of plugin.description.routes) {
      const path = route.replace("GET ", "").replace(":name", "Ada");
      const response = await plugin.request(path);
      const text = await response.text();
      const isJson = response.headers.get("content-type") === "application/json";
      answers[path] =
        response.ok && text !== "" ? (isJson ? (JSON.parse(text) as unknown) : text) : response.status;
    }
    const { "/later": later, ...others } = answers;
    assert.ok((later as { id: string }).id.length > 0);
    assert.deepEqual(others, {
      "/greet/Ada": { hello: "Ada", loud: false },
      "/about": { name: "tasks", version: "1.0.0", keepDays: 30 },
      "/logged": 204,
      "/patient": { aborted: false },
      "/moved": [{ title: "first", done: true }],
      "/long": { sum: 500500 },
      "/cached": [{ count: 2 }],
      "/published": 204,
      "/mailed": { id: 1 },
      "/fetched": { now: 0 },
      "/authorised": false,
      "/signed": { bytes: 32 },
      "/ticks": [1, 2, 3].map((id) => `id: ${id}\ndata: {"tick":${id}}\n\n`).join(""),
      "/room": 426,
      "/refused": 409,
      "/globals": there,
    });
  });
});
