// The attack table: what a repository, an archive, a registry or a manifest may try while it is installed. Each attack is answered by
// its coded refusal, or comes to nothing; nothing of it has run, nothing was written outside, nothing is left behind.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  existsSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Code } from "../../src/core/base/codes.ts";
import type { Caps } from "../../src/core/plugins/installer/caps.ts";
import { bundlePlugin } from "../../src/core/sandbox/bundle.ts";
import { syncPlugins } from "../../src/core/plugins/installer/sync.ts";
import { verifiedEntry } from "../../src/core/plugins/installer/verify.ts";
import { lockPath, readLock, storeFolder } from "../../src/core/plugins/lock.ts";
import { newKey, readSigningKey } from "../../src/core/plugins/signatures/keys.ts";
import { signPlugin } from "../../src/core/plugins/signatures/sign.ts";
import { git } from "../core/plugins/installer/workspace.ts";
import { harmless, openScene, packed, treeBomb, type Entry, type Scene } from "./attack-scene.ts";

interface Refused {
  code: Code;
  says?: RegExp;
  /** Smaller than usual, so that the test is. */
  caps?: Partial<Caps>;
  /** What is installed from; the refusal must come of that alone. */
  source(scene: Scene): string | Promise<string>;
}

const text = (code: Code, source: string, says?: RegExp): Refused => ({
  code,
  ...(says === undefined ? {} : { says }),
  source: ({ mark }) => source.replaceAll("MARK", mark),
});
const manifest = (yaml: string, says?: RegExp): Refused => ({
  code: "MANIFEST_INVALID",
  ...(says === undefined ? {} : { says }),
  source: ({ folder }) => folder("evil", { ...harmless(), "plugin.yaml": yaml }),
});
const tree = (says: RegExp, ...entries: [string, string, string][]): Refused => ({
  code: "SOURCE_INVALID",
  says,
  source: ({ forged }) => forged(entries),
});
const archive = (says: RegExp, ...entries: Entry[]): Refused => ({
  code: "SOURCE_INVALID",
  says,
  source: (scene) => scene.archive([...packed(), ...entries]),
});
const packages = (
  code: Code,
  packageJson: object,
  says?: RegExp,
  more: Record<string, string> = {},
): Refused => ({
  code,
  ...(says === undefined ? {} : { says }),
  source: ({ repository }) =>
    repository("evil", { ...harmless(), "package.json": JSON.stringify(packageJson), ...more }),
});
const code = (
  says: RegExp,
  source: string,
  more: Record<string, string> = {},
  from = "PLUGIN_COMPILE",
): Refused => ({
  code: from as Code,
  says,
  source: ({ repository, folder }) => {
    folder("outside", { "secret.js": "export default 'secret';" });
    return repository("evil", { ...harmless(), "src/index.ts": source, ...more });
  },
});

const aliases = Array.from(
  { length: 9 },
  (_, at) => `a${at + 1}: &a${at + 1} [${Array(9).fill(`*a${at}`).join(", ")}]`,
);
const lockOf = (entries: object): Record<string, string> => ({
  "package-lock.json": JSON.stringify({ lockfileVersion: 3, packages: { "": {}, ...entries } }),
});

const refused: Record<string, Record<string, Refused>> = {
  "an address": {
    "that reads as an option": text("SOURCE_INVALID", "--upload-pack=touch MARK"),
    "that reads as an option behind git+": text("SOURCE_INVALID", "git+-u;touch MARK"),
    "of a remote helper": text("SOURCE_INVALID", "ext::sh -c touch% MARK", /never done/),
    "of a remote helper behind git+": text("SOURCE_INVALID", "git+ext::sh -c touch% MARK"),
    "of an fd helper": text("SOURCE_INVALID", "fd::7", /never done/),
    "whose ssh host is an option": text("SOURCE_INVALID", "ssh://-oProxyCommand=touch%20MARK/x"),
    "whose scp-like host is an option": text("SOURCE_INVALID", "git@-oProxyCommand=touch:x"),
    "whose scp-like path is an option": text("SOURCE_INVALID", "git@example.com:-x"),
    "whose ssh user is an option": text("SOURCE_INVALID", "ssh://-l@example.com/x"),
    "with a line feed": text("SOURCE_INVALID", "https://example.com/x\n[core]\nfsmonitor = touch MARK"),
    "with an escaped line feed": text("SOURCE_INVALID", "https://example.com/x%0a[core]"),
    "of a protocol nobody uses": text("SOURCE_INVALID", "gopher://example.com/x"),
    "without encryption": text("SOURCE_INVALID", "http://example.com/x.git", /can be changed on its way/),
    "with a password": text("SOURCE_INVALID", "https://user:hunter2@example.com/x", /^(?!.*hunter2)/s),
    "of a file as the registry": {
      code: "SOURCE_INVALID",
      async source({ reconfigure }) {
        const key = `ed25519:${"A".repeat(43)}=`;
        await reconfigure(`name: shop\nregistries: { ours: { url: "file:///etc", keys: ["${key}"] } }\n`);
        return "registry:ours/x";
      },
    },
    "that leads from a server to a file": {
      code: "SOURCE_UNREACHABLE",
      says: /not https/,
      source: async ({ serve }) =>
        `${await serve((_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end())}/x.tgz`,
    },
    "of a repository that leads to a file": {
      code: "SOURCE_UNREACHABLE",
      source: async ({ serve, repository }) => {
        const target = `file://${repository("real", harmless())}`;
        const url = await serve((_, response) => response.writeHead(302, { location: target }).end());
        return `${url}/x.git`;
      },
    },
    "of a registry with a path in its name": text("SOURCE_INVALID", "registry:../../x"),
    "of npm with a path in its name": text("SOURCE_INVALID", "npm:../../x"),
    "with a folder that leads out": text("SOURCE_INVALID", "https://example.com/x.git//../../etc"),
    "with a folder of git's own": text("SOURCE_INVALID", "https://example.com/x.git//.git/hooks"),
  },
  "a ref": Object.fromEntries(
    [
      "--upload-pack=touch MARK",
      "-x",
      "a..b",
      "@{-1}",
      "refs/heads/../../x",
      "a b",
      "a~1",
      "x:y",
      "a\\b",
      "x.lock",
    ].map((ref) => [
      ref,
      {
        code: "SOURCE_INVALID",
        source: ({ repository, mark }) => `${repository("good", harmless())}#${ref.replace("MARK", mark)}`,
      } satisfies Refused,
    ]),
  ),
  "a repository": {
    "with a link out of the tree": tree(/symbolic link/, ["120000", "link", "/etc/passwd"]),
    "with a link within the tree": tree(/symbolic link/, ["120000", "link", "plugin.yaml"]),
    "with a submodule that runs a helper": tree(
      /submodule/,
      ["100644", ".gitmodules", '[submodule "a"]\npath = a\nurl = ext::touch mark\n'],
      ["160000", "a", ""],
    ),
    "with hooks": tree(/\.git folder/, ["100755", ".git/hooks/post-checkout", "#!/bin/sh\ntouch mark\n"]),
    "with .GIT": tree(/\.git folder/, ["100644", ".GiT/config", "x"]),
    "with the short name of .git": tree(/\.git folder/, ["100644", "GIT~1/config", "x"]),
    "with .git and an invisible character": tree(/\.git folder/, ["100644", ".g\u200cit/config", "x"]),
    "with .git and a stream of NTFS": tree(/\.git folder/, ["100644", ".git::$INDEX_ALLOCATION/config", "x"]),
    "with ..": tree(/leads out/, ["100644", "../../evil", "x"]),
    "with an absolute path": tree(/absolute/, ["100644", "/etc/evil", "x"]),
    "with a backslash": tree(/backslash/, ["100644", "a\\..\\..\\evil", "x"]),
    "with names that differ by letter case": tree(
      /same on some/,
      ["100644", "A.ts", "a"],
      ["100644", "a.ts", "b"],
    ),
    "with names in two Unicode forms": tree(
      /same on some/,
      ["100644", "caf\u00e9", "a"],
      ["100644", "cafe\u0301", "b"],
    ),
    "with names that fold together": tree(
      /same on some/,
      ["100644", "\u212a.ts", "a"],
      ["100644", "k.ts", "b"],
    ),
    "with a device's name": tree(/device/, ["100644", "aux.ts", "x"]),
    "with a terminal's escape sequence": tree(/no text/, ["100644", "a\u001b]0;x\u0007", "x"]),
    "that unfolds into billions of files": {
      code: "SOURCE_INVALID",
      says: /too many files|more than/,
      source: ({ place }) => treeBomb(place("bomb"), 10),
    },
  },
  "an archive": {
    "with ..": archive(/leads out/, { path: "package/../../evil", content: "x" }),
    "with an absolute path": archive(/absolute/, { path: "/tmp/xcore-attack", content: "x" }),
    "with a drive": archive(/absolute/, { path: "c:evil", content: "x" }),
    "with a backslash": archive(/backslash/, { path: "package\\..\\..\\evil", content: "x" }),
    "with a folder out of it": archive(/leads out/, { path: "../evil/", type: "Directory" }),
    "with a link, and a file through it": archive(
      /symbolic link/,
      { path: "package/a", type: "SymbolicLink", linkpath: "/etc" },
      { path: "package/a/evil", content: "x" },
    ),
    "with a hard link": archive(/link/, { path: "package/a", type: "Link", linkpath: "/etc/passwd" }),
    "with a character device": archive(/device/, { path: "package/a", type: "CharacterDevice" }),
    "with a block device": archive(/device/, { path: "package/a", type: "BlockDevice" }),
    "with a pipe": archive(/fifo/, { path: "package/a", type: "FIFO" }),
    "with a sparse file": archive(/'package\/a' is a|no readable/, {
      path: "package/a",
      typeflag: "S",
      content: "x",
    }),
    "with an unheard-of kind": archive(/'package\/a' is a|no readable/, {
      path: "package/a",
      typeflag: "Z",
      content: "x",
    }),
    "with names that differ by letter case": archive(/same on some/, {
      path: "package/SRC/index.ts",
      content: "x",
    }),
    "with names in two Unicode forms": archive(
      /same on some/,
      { path: "package/caf\u00e9", content: "" },
      { path: "package/cafe\u0301", content: "" },
    ),
    "with a file twice": archive(/same on some/, { path: "package/plugin.yaml", content: "name: y\n" }),
    "with a path of thousands of characters": archive(/longer than|deeper than|no readable/, {
      path: `package/${"a/".repeat(40)}x`,
      content: "",
    }),
    "with a manifest of 1 GB, by its header": archive(/more than/, { path: "package/big", size: 1024 ** 3 }),
    "with a million files": {
      code: "SOURCE_INVALID",
      says: /more than 500 files/,
      caps: { files: 500 },
      source: (scene) => scene.archive(Array.from({ length: 5000 }, (_, at) => ({ path: `package/${at}` }))),
    },
    "with 33 MB of nothing in one file": archive(/more than/, {
      path: "package/big",
      content: Buffer.alloc(33 * 1024 ** 2),
    }),
    "that goes on with gigabytes of nothing behind its end": {
      code: "SOURCE_INVALID",
      says: /unpacks to more than 16 MB/,
      caps: { transferBytes: 16 * 1024 ** 2 },
      source: (scene) => scene.archive(packed(), Buffer.alloc(64 * 1024 ** 2)),
    },
    "that is packed twice": {
      code: "SOURCE_INVALID",
      says: /packed twice/,
      source: (scene) => scene.file("twice.tgz", gzipSync(readFileSync(scene.archive(packed())))),
    },
    "that ends in the middle": {
      code: "SOURCE_INVALID",
      says: /no readable/,
      source: (scene) =>
        scene.archive([...packed(), { path: "package/a", content: "x", size: 5000 }], Buffer.alloc(0)),
    },
  },
  "a folder": {
    "with a link": {
      code: "SOURCE_INVALID",
      says: /no regular file/,
      source({ folder }) {
        const path = folder("evil", harmless());
        symlinkSync("/etc/passwd", join(path, "leak"));
        return path;
      },
    },
    "with a pipe": {
      code: "SOURCE_INVALID",
      says: /no regular file/,
      source({ folder }) {
        const path = folder("evil", harmless());
        execFileSync("mkfifo", [join(path, "pipe")]);
        return path;
      },
    },
    "with a manifest of 1 GB": {
      code: "SOURCE_INVALID",
      says: /more than/,
      source({ folder }) {
        const path = folder("evil", harmless());
        truncateSync(join(path, "plugin.yaml"), 1024 ** 3);
        return path;
      },
    },
  },
  "a manifest": {
    "of a megabyte": manifest(`name: x\nversion: 1.0.0\n#${"x".repeat(1e6)}\n`, /larger than/),
    "with aliases that multiply": manifest(`a0: &a0 [x, x]\n${aliases.join("\n")}\nname: *a9\n`),
    "of ten thousand levels": manifest(`name: ${"[".repeat(10_000)}`),
    "with merge keys of itself": manifest("a: &a\n  <<: *a\nname: x\nversion: 1.0.0\n"),
    "with a tag that would make an object": manifest('name: !!js/function "() => 1"\nversion: 1.0.0\n'),
    "with a key twice": manifest("name: x\nname: y\nversion: 1.0.0\n"),
    "with an entry that leads out": manifest("name: x\nversion: 1.0.0\nentry: ../../evil.ts\n"),
    "with migrations that lead out": manifest("name: x\nversion: 1.0.0\nmigrations: ../../../etc\n"),
    "with dependencies of __proto__": manifest("name: x\nversion: 1.0.0\ndependencies: { __proto__: '*' }\n"),
    "with permissions of __proto__": manifest(
      "name: x\nversion: 1.0.0\npermissions: { __proto__: { database: true } }\n",
    ),
    ...Object.fromEntries(
      [
        "__proto__",
        "constructor",
        "prototype",
        ".",
        "..",
        "con",
        "nul",
        "com1",
        "a/b",
        "../x",
        "X",
        "n\u043etes",
        "a--b",
        "core",
        "x".repeat(41),
        "-x",
      ].map((name) => [`named ${name}`, manifest(`name: "${name}"\nversion: 1.0.0\n`)]),
    ),
  },
  "a package.json": {
    "with a dependency by path": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "file:../../secret" } },
      /no registry serves/,
    ),
    "with a dependency from a repository": packages("PLUGIN_IMPORT", {
      dependencies: { a: "git+ssh://git@example.com/a" },
    }),
    "with a dependency from an address": packages("PLUGIN_IMPORT", {
      dependencies: { a: "https://evil.example/a.tgz" },
    }),
    "with a dependency of the forge's short form": packages("PLUGIN_IMPORT", {
      dependencies: { a: "someone/a" },
    }),
    "with a dependency whose name is a path": packages("PLUGIN_IMPORT", {
      dependencies: { "../../evil": "1" },
    }),
    "with a dependency that is an option": packages("PLUGIN_IMPORT", {
      dependencies: { "--registry=x": "1" },
    }),
    "with an alias of a path": packages("PLUGIN_IMPORT", { dependencies: { a: "npm:../../evil@1" } }),
    "with overrides from elsewhere": packages("PLUGIN_IMPORT", {
      dependencies: { a: "1" },
      overrides: { b: "file:../x" },
    }),
    "with xcore itself among its packages": packages(
      "PLUGIN_IMPORT",
      { dependencies: { xcore: "*" } },
      /lists xcore/,
    ),
    "whose lock puts a package outside": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "1" } },
      /no registry serves/,
      lockOf({ "../../evil": { version: "1.0.0" } }),
    ),
    "whose lock links a package": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "1" } },
      /no registry serves/,
      lockOf({ "node_modules/a": { resolved: "../../secret", link: true } }),
    ),
    "whose lock takes a package from a file": packages(
      "PLUGIN_IMPORT",
      { dependencies: { a: "1" } },
      /no registry serves/,
      lockOf({ "node_modules/a": { version: "1.0.0", resolved: "file:../../secret.tgz" } }),
    ),
  },
  code: {
    "that imports a file outside": code(
      /outside/,
      'import s from "../../outside/secret.js"; console.log(s);',
    ),
    "that imports an absolute path": code(/outside/, 'import s from "/etc/passwd"; console.log(s);'),
    "that takes a path from tsconfig": code(/outside|resolve/, 'import s from "secret"; console.log(s);', {
      "tsconfig.json": '{ "compilerOptions": { "paths": { "secret": ["../outside/secret.js"] } } }',
    }),
    "of a package whose main leads out": code(/outside|resolve/, 'import s from "a"; console.log(s);', {
      "node_modules/a/package.json": '{ "main": "../../../outside/secret.js" }',
    }),
    "of a package whose exports lead out": code(
      /outside|resolve|exports/,
      'import s from "a"; console.log(s);',
      {
        "node_modules/a/package.json": '{ "exports": "./../../../outside/secret.js" }',
      },
    ),
    "whose imports map leads out": code(/outside|resolve|imports/, 'import s from "#s"; console.log(s);', {
      "package.json": '{ "imports": { "#s": "./../outside/secret.js" } }',
    }),
    "of native addons": code(/native code/, 'import "./a.node";', { "src/a.node": "" }, "PLUGIN_IMPORT"),
    "that reaches for Node": code(
      /child_process/,
      'import { exec } from "child_process"; exec("true");',
      {},
      "PLUGIN_IMPORT",
    ),
  },
};

for (const [kind, attacks] of Object.entries(refused)) {
  describe(`${kind} is refused`, () => {
    for (const [what, { code, says, caps, source }] of Object.entries(attacks)) {
      test(JSON.stringify(what).slice(1, -1), async () => {
        await using scene = await openScene();
        const from = await source(scene);
        const before = scene.witness();
        await assert.rejects(
          scene.add(from, caps === undefined ? {} : { caps }),
          (error: { code?: string; message: string }) => {
            assert.equal(error.code, code, error.message);
            if (says !== undefined) assert.match(error.message, says);
            return true;
          },
        );
        assert.deepEqual(scene.witness(), before);
        assert.ok(!existsSync(scene.mark));
      });
    }
  });
}

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
