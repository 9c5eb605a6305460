// Attacks that wait: for consent, for a second download, for the next load; and such that come to nothing.
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { bundlePlugin } from "../../../src/core/sandbox/bundle.ts";
import { syncPlugins } from "../../../src/core/plugins/installer/sync.ts";
import { verifiedEntry } from "../../../src/core/plugins/installer/verify.ts";
import { lockPath, readLock, storeFolder } from "../../../src/core/plugins/lock.ts";
import { newKey, readSigningKey } from "../../../src/core/plugins/signatures/keys.ts";
import { signPlugin } from "../../../src/core/plugins/signatures/sign.ts";
import { git } from "../../core/plugins/installer/workspace.ts";
import { lockOf } from "./refused.ts";
import { harmless, openScene, packed, type Scene } from "./scene.ts";

/** Attacks over time, or such that come to nothing: each says itself what must hold. */
const played: Record<string, (scene: Scene) => Promise<void>> = {
  "hooks and programs in the configuration of a local repository are not run": async (scene) => {
    const repository = scene.repository("evil", harmless());
    for (const [key, value] of [
      ["core.fsmonitor", `touch ${scene.mark}`],
      ["core.sshCommand", `touch ${scene.mark}`],
      ["uploadpack.packObjectsHook", `touch ${scene.mark}`],
      ["filter.x.smudge", `touch ${scene.mark}`],
    ] as const) {
      git(repository, "config", key, value);
    }
    await scene.add(repository);
  },
  "scripts and programs of a package.json are not run": async (scene) => {
    const run = `touch ${scene.mark}`;
    const names = ["preinstall", "install", "postinstall", "prepare", "prepack", "dependencies"];
    const json = {
      name: "evil",
      bin: "../../../bin/sh",
      scripts: Object.fromEntries(names.map((name) => [name, run])),
    };
    const registry = await scene.npm({
      a: { version: "1.0.0", files: { "package.json": JSON.stringify(json), "index.js": "" } },
    });
    scene.folder("project", { ".npmrc": `registry=${registry}\n` });
    await scene.add(
      scene.repository("evil", {
        ...harmless(),
        "package.json": JSON.stringify({ ...json, dependencies: { a: "1" } }),
      }),
    );
    assert.ok(!existsSync(scene.place("bin")));
  },
  "a browser field that leads out is passed over": async (scene) => {
    scene.folder("outside", { "secret.js": "export default 'the secret';" });
    const folder = scene.folder("evil", {
      ...harmless(),
      "src/index.ts": 'import s from "a"; console.log(s);',
      "node_modules/a/package.json":
        '{ "main": "./x.js", "browser": { "./x.js": "../../../outside/secret.js" } }',
      "node_modules/a/x.js": "",
    });
    const { code } = await bundlePlugin({ folder, entry: "src/index.ts", label: "x", sealed: true });
    assert.doesNotMatch(code, /the secret/);
  },
  "set-id bits are dropped, and an .npmrc that would choose the registry": async (scene) => {
    const entries = [
      { path: "package/tool", content: "x", mode: 0o6755 },
      { path: "package/.npmrc", content: "registry=http://evil.example\n" },
    ];
    const { name, entry } = await scene.add(scene.archive([...packed(), ...entries]));
    const folder = storeFolder(scene.project.config.stateFolder, name, entry);
    assert.equal(statSync(join(folder, "tool")).mode & 0o7777, 0o755);
    assert.ok(!readdirSync(folder).includes(".npmrc"));
  },
  "a source that changes while somebody is asked is installed as it was shown": async (scene) => {
    const folder = scene.folder("evil", harmless());
    const { entry } = await scene.add(folder, {
      consent: async () => {
        scene.folder("evil", harmless("x", "permissions: { database: true, fetch: ['*.example.com'] }\n"));
        return true;
      },
    });
    assert.deepEqual([entry.approved.database, entry.approved.fetch], [false, []]);
  },
  "a branch that moves while somebody is asked is not followed": async (scene) => {
    const repository = scene.repository("evil", harmless());
    const shown = git(repository, "rev-parse", "HEAD");
    const { entry } = await scene.add(repository, {
      consent: async () => {
        scene.folder("evil", { "plugin.yaml": "name: x\nversion: 6.6.6\n" });
        git(repository, "commit", "-q", "-a", "-m", "later");
        return true;
      },
    });
    assert.equal(entry.source.type === "git" ? entry.source.commit : "", shown);
    assert.equal(entry.version, "1.0.0");
  },
  "a staged manifest that changes between consent and load is refused": async (scene) => {
    const before = scene.witness();
    const source = scene.archive(packed());
    await assert.rejects(
      scene.add(source, {
        consent: async () => {
          const staging = join(scene.project.config.stateFolder, "staging");
          const manifest = readdirSync(staging, { recursive: true })
            .map(String)
            .find((path) => path.endsWith("/plugin/plugin.yaml"));
          assert.ok(manifest !== undefined);
          appendFileSync(join(staging, manifest), "permissions: { database: true }\n");
          return true;
        },
      }),
      { code: "LOCK_MISMATCH", message: /changed while it was installed/ },
    );
    rmSync(source);
    assert.deepEqual(scene.witness(), before);
  },
  "an installed manifest that changes before the load is refused": async (scene) => {
    const { name, entry } = await scene.add(scene.archive(packed()));
    const { config } = scene.project;
    const folder = storeFolder(config.stateFolder, name, entry);
    appendFileSync(join(folder, "plugin.yaml"), "permissions: { database: true }\n");
    await assert.rejects(verifiedEntry(config, { name, folder }), {
      code: "LOCK_MISMATCH",
      message: /plugin\.yaml/,
    });
  },
  "a tarball that is another one on its second download is refused": async (scene) => {
    let version = 1;
    const url = await scene.serve((_, response) => {
      const entries = [...packed(), { path: "package/n", content: String(version) }];
      response.end(readFileSync(scene.archive(entries)));
    });
    await scene.add(`${url}/x.tgz`);
    version = 2;
    const { config } = scene.project;
    rmSync(config.stateFolder, { recursive: true });
    const lock = readFileSync(lockPath(scene.project.folder));
    const report = await syncPlugins({ config });
    assert.deepEqual(
      report.failed.map(({ code }) => code),
      ["LOCK_MISMATCH"],
    );
    assert.deepEqual(readFileSync(lockPath(scene.project.folder)), lock);
    assert.ok(!existsSync(join(config.stateFolder, "store", "x")));
  },
  "packages of a scope come from the registry of that scope, whatever the plugin's lock says": async (
    scene,
  ) => {
    const util = (text: string) => ({
      version: "1.0.0",
      files: { "index.js": `module.exports = "${text}";` },
    });
    const open = await scene.npm({ "@acme/util": util("stranger") });
    const own = await scene.npm({ "@acme/util": util("ours") });
    scene.folder("project", { ".npmrc": `registry=${open}\n@acme:registry=${own}\n` });
    const json = JSON.stringify({ dependencies: { "@acme/util": "^1.0.0" } });
    const lock = lockOf({
      "node_modules/@acme/util": { version: "1.0.0", resolved: `${open}/@acme/util/-/@acme/util-1.0.0.tgz` },
    });
    for (const [name, more] of [
      ["x", {}],
      ["y", lock],
    ] as const) {
      const { entry } = await scene.add(
        scene.folder(name, { ...harmless(name), "package.json": json, ...more }),
      );
      const folder = storeFolder(scene.project.config.stateFolder, name, entry);
      assert.match(readFileSync(join(folder, "node_modules/@acme/util/index.js"), "utf8"), /ours/);
    }
  },
  "a scope that was approved from one registry is not taken from another": async (scene) => {
    const pack = (name: string) => ({ version: "1.0.0", files: harmless(name) });
    const first = await scene.npm({ "@acme/one": pack("one") });
    const second = await scene.npm({ "@acme/two": pack("two") });
    scene.folder("project", { ".npmrc": `@acme:registry=${first}/\n` });
    await scene.add("npm:@acme/one");
    scene.folder("project", { ".npmrc": `@acme:registry=${second}/\n` });
    const before = scene.witness();
    await assert.rejects(scene.add("npm:@acme/two"), { code: "FORBIDDEN" });
    assert.deepEqual(scene.witness(), before);
  },
  "a lock file that names a helper program is refused by sync": async (scene) => {
    const commit = "1".repeat(40);
    const source = `{ git: "ext::touch ${scene.mark}", commit: "${commit}", tree: "${commit}" }`;
    const integrity = `sha256-${"0".repeat(64)}`;
    scene.folder("project", {
      "xcore.lock": `version: 2\nplugins:\n  x: { version: 1.0.0, source: ${source}, integrity: ${integrity}, approved: {} }\n`,
    });
    const { failed } = await syncPlugins({ config: scene.project.config });
    assert.deepEqual(
      failed.map(({ code }) => code),
      ["SOURCE_INVALID"],
    );
  },
  "a signed plugin with one byte changed is refused before anybody is asked": async (scene) => {
    await newKey(scene.place("key"));
    const folder = scene.folder("evil", harmless());
    await signPlugin({ folder, key: await readSigningKey(scene.place("key"), {}) });
    appendFileSync(join(folder, "src/greeting.ts"), " ");
    const consent = async (): Promise<boolean> => assert.fail("somebody was asked");
    await assert.rejects(scene.add(folder, { consent }), {
      code: "SIGNATURE_INVALID",
      message: /src\/greeting\.ts/,
    });
    assert.deepEqual(await readLock(scene.project.folder), { plugins: {} });
  },
};

describe("over time", () => {
  for (const [what, play] of Object.entries(played)) {
    test(what, async () => {
      await using scene = await openScene();
      await play(scene);
      assert.ok(!existsSync(scene.mark));
    });
  }
});
