import assert from "node:assert/strict";
import { mkdtemp, mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readManifest } from "../../../src/core/plugins/read-manifest.ts";
import { checkTrust, currentDigest, trustDigest } from "../../../src/core/plugins/trust.ts";

const root = await mkdtemp(join(tmpdir(), "xcore-trust-"));
after(() => rm(root, { recursive: true, force: true }));

async function pluginIn(folder: string, code: string): Promise<string> {
  const at = join(root, folder);
  await mkdir(at, { recursive: true });
  await writeFile(
    join(at, "plugin.yaml"),
    "name: insider\nversion: 1.0.0\nxcore: '>=0.1.0'\nentry: index.ts\n",
  );
  await writeFile(join(at, "index.ts"), `import { definePlugin } from "xcore/plugin";\n${code}`);
  await mkdir(join(at, "node_modules/dep"), { recursive: true });
  await writeFile(join(at, "node_modules/dep/package.json"), '{ "name": "dep", "main": "index.js" }');
  await writeFile(join(at, "node_modules/dep/index.js"), "module.exports = 1;");
  return at;
}

const code = `import { pid } from "node:process";
import dep from "dep";
export default definePlugin({ routes: { "GET /": () => pid + dep } });`;
test("the digest is the same for the same code, wherever it lies, and another for any other code in its bundle", async () => {
  const one = await pluginIn("one", code);
  const two = await pluginIn("elsewhere/two", `// a comment\n${code}`);
  const manifest = await readManifest(one);
  const place = (folder: string): { folder: string; source: "installed" } => ({
    folder,
    source: "installed",
  });
  const digest = await currentDigest(place(one), manifest);
  assert.match(digest ?? "", /^sha256-[0-9a-f]{64}$/);
  assert.equal(await currentDigest(place(two), manifest), digest);
  await writeFile(join(one, "node_modules/dep/index.js"), "module.exports = 2;");
  assert.notEqual(await currentDigest(place(one), manifest), digest);
  await writeFile(join(one, "index.ts"), "this does not compile");
  assert.equal(await currentDigest(place(one), manifest), undefined);
});

test("code that is not trusted is refused with both digests", () => {
  const trusted = trustDigest("this");
  checkTrust("insider", trusted, "this");
  assert.throws(() => checkTrust("insider", trusted, "that"), {
    code: "PLUGIN_UNTRUSTED",
    details: { trusted, digest: trustDigest("that") },
  });
});
