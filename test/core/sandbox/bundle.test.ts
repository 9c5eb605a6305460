import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { runInNewContext } from "node:vm";
import type { XcoreError } from "../../../src/core/base/error.ts";
import { packageRoot } from "../../../src/core/base/package-root.ts";
import { bundlePlugin, createBundler, type Bundle } from "../../../src/core/sandbox/bundle.ts";
import { StackMapper } from "../../../src/core/sandbox/stack.ts";

const scratch = await mkdtemp(join(tmpdir(), "xcore-bundle-"));
after(() => rm(scratch, { recursive: true }));
// As in a project: packages are found in a node_modules folder above the plugin.
await symlink(join(packageRoot, "node_modules"), join(scratch, "node_modules"));
let made = 0;

async function plugin(files: Record<string, string>): Promise<string> {
  made += 1;
  const folder = join(scratch, `plugin-${made}`);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return folder;
}

const options = (folder: string): { folder: string; entry: string; label: string } => ({
  folder,
  entry: "src/index.ts",
  label: "sample@1.0.0",
});

async function bundle(files: Record<string, string>): Promise<Bundle> {
  return bundlePlugin(options(await plugin(files)));
}

function exportsOf(code: string): Record<string, unknown> {
  const context: { __xcore_plugin?: Record<string, unknown> } = {};
  runInNewContext(code, context);
  return context.__xcore_plugin ?? {};
}

/** The error of a build that must fail. */
async function failure(files: Record<string, string>): Promise<XcoreError> {
  try {
    await bundle(files);
  } catch (error) {
    return error as XcoreError;
  }
  return assert.fail("the build succeeded");
}

test("TypeScript with its own files becomes one script that leaves its exports in __xcore_plugin", async () => {
  const built = await bundle({
    "src/index.ts": `import { twice } from "./deep/twice.ts"; export default { answer: twice(21) as number };`,
    "src/deep/twice.ts": `export const twice = (n: number): number => n * 2;`,
  });
  assert.equal(JSON.stringify(exportsOf(built.code)["default"]), '{"answer":42}');
  assert.deepEqual([...built.inputs].sort(), ["src/deep/twice.ts", "src/index.ts"]);
});

test("npm packages that run on the web platform are bundled", async () => {
  const built = await bundle({
    "src/index.ts": `import { z } from "zod"; export default z.object({ a: z.number() }).parse({ a: 1, b: 2 });`,
  });
  assert.equal(JSON.stringify(exportsOf(built.code)["default"]), '{"a":1}');
  assert.deepEqual(built.inputs, ["src/index.ts"]);
});

test("`using` in a loop forgets what an earlier round has caught, in a sandbox and in a trusted plugin", async () => {
  const folder = await plugin({
    "src/index.ts": `const open = (round: number) => {
  if (round === 0) throw new Error("first");
  return { [Symbol.dispose]() {} };
};
const attempt = (): string => {
  for (let round = 0; ; round += 1) {
    try {
      using opened = open(round);
      return opened === undefined ? "nothing" : "round " + round;
    } catch (error) {
      if (round > 0) return "again: " + error.message;
    }
  }
};
export default attempt();`,
  });
  for (const trusted of [false, true]) {
    const { code } = await bundlePlugin({ ...options(folder), trusted });
    assert.equal(exportsOf(code)["default"], "round 1");
  }
});

test("a second build takes what changed", async () => {
  const folder = await plugin({ "src/index.ts": `export default 1;` });
  const bundler = createBundler(options(folder));
  assert.equal(exportsOf((await bundler.rebuild()).code)["default"], 1);
  await writeFile(join(folder, "src/index.ts"), `export default 2;`);
  const [a, b] = await Promise.all([bundler.rebuild(), bundler.rebuild()]);
  assert.equal(a, b);
  assert.equal(exportsOf(a.code)["default"], 2);
  await bundler.dispose();
});

test("a build that failed does not spoil the next one", async () => {
  const folder = await plugin({ "src/index.ts": `export default (;` });
  const bundler = createBundler(options(folder));
  await assert.rejects(bundler.rebuild(), { code: "PLUGIN_COMPILE" });
  await writeFile(join(folder, "src/index.ts"), `export default 3;`);
  assert.equal(exportsOf((await bundler.rebuild()).code)["default"], 3);
  await bundler.dispose();
});

test("a syntax error names file, line and column and shows the line with a caret", async () => {
  const error = await failure({ "src/index.ts": `const a = 1;\n\texport defalt a;\n` });
  assert.equal(error.code, "PLUGIN_COMPILE");
  assert.match(error.message, /sample@1\.0\.0/);
  assert.match(error.message, /src\/index\.ts:2:9: .*\n    2 \| \texport defalt a;\n      \| \t       \^/);
  const [fault] = error.details["errors"] as { file: string; line: number; column: number }[];
  assert.partialDeepStrictEqual(fault, { file: "src/index.ts", line: 2, column: 9 });
});

test("every import of Node's own modules and of native code is listed with its place and what to do instead", async () => {
  const error = await failure({
    "src/index.ts": `import fs from "node:fs";\nimport { hash } from "./hash.ts";\nconsole.log(fs, hash);`,
    "src/hash.ts": `import { createHash } from "crypto";\nimport addon from "./addon.node";\nexport const hash = [createHash, addon];`,
    "src/addon.node": "",
  });
  assert.equal(error.code, "PLUGIN_IMPORT");
  assert.match(error.message, /src\/index\.ts:1:16: node:fs: keep data in ctx\.db/);
  assert.match(error.message, /src\/hash\.ts:1:28: crypto: use the global `crypto`/);
  assert.match(error.message, /src\/hash\.ts:2:19: src\/addon\.node: native code/);
  assert.equal((error.details["errors"] as unknown[]).length, 3);
});

test("imports of packages are told once for each package and module, all in one error", async () => {
  const modules = ["fs", "path", "crypto", "net", "os", "zlib"];
  const many = modules.map((name) => `require("${name}");`).join("\n");
  const error = await failure({
    "src/index.ts": `import "chatty"; import "@scope/native"; import "fs";`,
    "node_modules/chatty/package.json": `{ "main": "index.js" }`,
    "node_modules/chatty/index.js": `${many}\nrequire("./more.js");`,
    "node_modules/chatty/more.js": `require("fs");`,
    "node_modules/@scope/native/package.json": `{ "main": "index.js" }`,
    "node_modules/@scope/native/index.js": `require("./build/it.node"); require("fs");`,
    "node_modules/@scope/native/build/it.node": "",
  });
  const lines = error.message.split("\n").slice(1);
  assert.equal(lines.length, modules.length + 3);
  assert.match(error.message, /node_modules\/chatty\/index\.js:1:\d+: fs: .* \(and in 1 more place\)/);
  assert.match(error.message, /@scope\/native\/build\/it\.node: native code/);
  assert.match(error.hint ?? "", /in place of (chatty, @scope\/native|@scope\/native, chatty)/);
});

test("a Node module that is only asked for inside of try is left to fail at run time", async () => {
  const built = await bundle({
    "src/index.ts": `let fs = "none"; try { fs = require("fs"); } catch {} export default fs;`,
  });
  assert.equal(exportsOf(built.code)["default"], "none");
});

test("a package that is not installed is named with the command that installs it", async () => {
  const error = await failure({ "src/index.ts": `import { a } from "@nobody/nothing/sub"; console.log(a);` });
  assert.equal(error.code, "PLUGIN_COMPILE");
  assert.match(error.message, /@nobody\/nothing\/sub/);
  assert.equal(error.hint, "Install the package: npm install @nobody/nothing");
});

test("files outside of the plugin's folder are refused: by path, by link, by tsconfig", async () => {
  await writeFile(join(scratch, "secret.json"), `{"password":"hidden"}`);
  const byPath = await failure({ "src/index.ts": `import a from "../../secret.json"; console.log(a);` });
  assert.match(byPath.message, /src\/index\.ts:1:15: '\.\.\/\.\.\/secret\.json' lies outside/);
  const byTsconfig = await failure({
    "src/index.ts": `import a from "secret"; console.log(a);`,
    "tsconfig.json": `{"compilerOptions":{"paths":{"secret":["../secret.json"]}}}`,
  });
  assert.equal(byTsconfig.code, "PLUGIN_COMPILE");
  assert.match(byTsconfig.message, /secret\.json/);
  const folder = await plugin({ "src/index.ts": `import a from "./link.json"; console.log(a);` });
  await symlink(join(scratch, "secret.json"), join(folder, "src/link.json"));
  await assert.rejects(bundlePlugin(options(folder)), { code: "PLUGIN_COMPILE", message: /outside/ });
  const viaPackage = await plugin({ "src/index.ts": `import a from "evil/secret.json"; console.log(a);` });
  await mkdir(join(viaPackage, "node_modules"));
  await symlink(scratch, join(viaPackage, "node_modules/evil"));
  await assert.rejects(bundlePlugin(options(viaPackage)), { code: "PLUGIN_COMPILE", message: /outside/ });
});

test("a linked package is taken from a folder that was named as a root", async () => {
  const shared = await plugin({
    "index.ts": `export const shared = 1;`,
    "package.json": `{"exports":"./index.ts"}`,
  });
  const folder = await plugin({ "src/index.ts": `export { shared as default } from "shared";` });
  await mkdir(join(folder, "node_modules"));
  await symlink(shared, join(folder, "node_modules/shared"));
  const built = await bundlePlugin({ ...options(folder), roots: [shared] });
  assert.equal(exportsOf(built.code)["default"], 1);
});

test("the server's own modules other than xcore/plugin are refused", async () => {
  const error = await failure({ "src/index.ts": `import { x } from "xcore/testing"; console.log(x);` });
  assert.match(error.message, /xcore\/testing/);
});

test("an entry that does not exist is named", async () => {
  const error = await failure({ "src/other.ts": "" });
  assert.equal(error.code, "PLUGIN_COMPILE");
  assert.match(error.message, /src\/index\.ts does not exist/);
});

test("stacks show the lines of the author's files and leave out everything else", async () => {
  const built = await bundle({
    "src/index.ts": `import { fail } from "./fail.ts";\n\nexport default () => fail("now");\n`,
    "src/fail.ts": `interface Unused { a: string }\nexport function fail(why: string): never {\n  throw new Error(why);\n}\n`,
  });
  const lines = built.code.split("\n");
  const line = lines.findIndex((text) => text.includes("throw new Error"));
  const column = lines[line]?.indexOf("new Error") ?? 0;
  const stack = [
    "Error: now",
    `    at fail (plugin:///sample@1.0.0/index.js:${line + 1}:${column + 1})`,
    "    at dispatch (xcore:///runtime.js:10:5)",
    "    at (<isolated-vm boundary>)",
    `    at plugin:///sample@1.0.0/index.js:999999:1`,
  ].join("\n");
  assert.deepEqual(new StackMapper(built.sourceMap).map(stack), {
    text: "at fail (src/fail.ts:3:9)",
    place: "src/fail.ts:3:9",
  });
});

test("a bundle without xcore/plugin of its own gets definePlugin", async () => {
  const built = await bundle({
    "src/index.ts": `import { definePlugin } from "xcore/plugin"; export default definePlugin({ routes: {} });`,
  });
  assert.match(built.code, /routes/);
});

test("Kysely comes with xcore, for sealed plugins too, and only into the bundle that imports it", async () => {
  const folder = await plugin({
    "src/index.ts": `import { kysely } from "xcore/kysely"; export default { made: typeof kysely };`,
  });
  const built = await bundlePlugin({ ...options(folder), sealed: true });
  assert.equal(JSON.stringify(exportsOf(built.code)["default"]), '{"made":"function"}');
  const without = await bundle({
    "src/index.ts": `import { definePlugin } from "xcore/plugin"; export default definePlugin({});`,
  });
  assert.ok(without.code.length < built.code.length / 20);
});
