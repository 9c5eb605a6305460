// xcore.lock: read as data with positions, written whole or not at all.
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import {
  emptyLock,
  lockPath,
  readLock,
  storeFolder,
  withEntry,
  writeLock,
  type LockEntry,
} from "../../../src/core/plugins/lock.ts";
import { makeProject } from "./installer/workspace.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const integrity = `sha256-${"ab".repeat(32)}`;
const nothing = {
  database: false,
  cache: false,
  jobs: false,
  fetch: [],
  call: [],
  events: { publish: [], subscribe: [] },
  secrets: [],
  services: [],
};
const git: LockEntry = {
  version: "1.0.0",
  source: { type: "git", url: "https://example.com/a", ref: "1e5", subfolder: "x", commit, tree: commit },
  integrity,
  approved: {
    ...nothing,
    database: true,
    fetch: ["api.example.com"],
    events: { publish: ["note.*"], subscribe: [] },
  },
};
const folder: LockEntry = {
  version: "2.0.0",
  source: { type: "folder", path: "../b" },
  integrity,
  approved: nothing,
};
const tarball: LockEntry = {
  version: "3.0.0",
  source: { type: "tarball", url: "./c.tgz", subfolder: undefined },
  integrity,
  approved: nothing,
};

describe("xcore.lock", () => {
  test("is empty where there is no file, and gone when the last plugin goes", async () => {
    await using project = await makeProject();
    assert.deepEqual(await readLock(project.folder), emptyLock);
    await writeLock(project.folder, { plugins: { a: git } });
    assert.ok(existsSync(lockPath(project.folder)));
    await writeLock(project.folder, { plugins: {} });
    assert.ok(!existsSync(lockPath(project.folder)));
  });

  test("comes back as it was written, in the order of names, and says only what is granted", async () => {
    await using project = await makeProject();
    const plugins = { c: tarball, a: git, b: folder };
    await writeLock(project.folder, { plugins });
    assert.deepEqual({ ...(await readLock(project.folder)).plugins }, plugins);
    const text = readFileSync(lockPath(project.folder), "utf8");
    assert.deepEqual(text.match(/^ {2}\w+:/gm), ["  a:", "  b:", "  c:"]);
    assert.ok(!text.includes("cache"));
    assert.deepEqual(
      readdirSync(project.folder).filter((name) => name.includes("tmp")),
      [],
    );
  });

  test("names the store folder by plugin and content", () => {
    assert.equal(storeFolder("/p/.xcore", "notes", git), "/p/.xcore/store/notes-abababababab");
  });

  test("of format 1 is read, and written as format 2 with what a revision was made of", async () => {
    await using project = await makeProject();
    writeFileSync(
      lockPath(project.folder),
      `version: 1\nplugins:\n  a: { version: "1.0.0", source: { folder: ../a }, integrity: ${integrity}, approved: {} }\n`,
    );
    const old = await readLock(project.folder);
    assert.equal(old.plugins["a"]?.bundle, undefined);
    const built = {
      bundle: integrity,
      builder: "xcore 0.1.0 (00000000), esbuild 0.28.2",
      signer: `ed25519:${"A".repeat(43)}=`,
      packages: {
        "node_modules/left-pad": { version: "1.3.0", license: "MIT" },
        "node_modules/@a/b/node_modules/c": { version: "1.0.0", dependencies: { d: "^1" } },
      },
    };
    await writeLock(project.folder, withEntry(old, "b", { ...folder, ...built }));
    const lock = await readLock(project.folder);
    assert.deepEqual({ ...lock.plugins["b"] }, { ...folder, ...built });
    assert.match(readFileSync(lockPath(project.folder), "utf8"), /^version: 2$/m);
  });

  test("remembers the newest version of a signed plugin and its signer, also when it is gone", async () => {
    await using project = await makeProject();
    const signer = `ed25519:${"A".repeat(43)}=`;
    const first = withEntry(emptyLock, "b", { ...folder, signer });
    const older = withEntry(first, "b", { ...folder, version: "1.0.0", signer });
    assert.deepEqual(older.seen, { b: { version: "2.0.0", signer } });
    await writeLock(project.folder, { ...older, plugins: {} });
    assert.deepEqual({ ...(await readLock(project.folder)).seen }, { b: { version: "2.0.0", signer } });
  });

  const entry = (source: string, rest = `integrity: ${integrity}, approved: {}`): string =>
    `version: 1\nplugins:\n  a: { version: "1", source: ${source}, ${rest} }\n`;
  const broken: [string, string, RegExp][] = [
    ["a newer format", "version: 3\n", /xcore\.lock:1:10 .*format version 1/],
    ["a short commit", entry(`{ git: x, commit: abc, tree: ${commit} }`), /:3:.*full id of a commit/],
    [
      "git without a commit",
      entry("{ git: https://example.com/a }"),
      /:3:.*expected git with commit and tree/,
    ],
    ["two kinds of source", entry("{ folder: a, tarball: b }"), /:3:.*no other kind/],
    ["a wrong digest", entry("{ folder: a }", "integrity: sha1-x, approved: {}"), /sha256-/],
    [
      "an unknown permission",
      entry("{ folder: a }", `integrity: ${integrity}, approved: { databse: true }`),
      /did you mean 'database'/,
    ],
    ["a name that leads out", entry("{ folder: a }").replace("  a:", "  ../a:"), /expected a plugin name/],
    ["marks of a merge conflict", "<<<<<<< HEAD\nversion: 1\n=======\n", /^xcore\.lock:1 has the marks/],
    ["no YAML", "version: [1\n", /xcore\.lock/],
  ];
  for (const [what, text, pattern] of broken) {
    test(`with ${what} is LOCK_INVALID with its line`, async () => {
      await using project = await makeProject();
      writeFileSync(join(project.folder, "xcore.lock"), text);
      await assert.rejects(
        readLock(project.folder),
        (error: { code: string; message: string; hint: string }) => {
          assert.equal(error.code, "LOCK_INVALID");
          assert.match(error.message, pattern);
          assert.match(error.hint, text.startsWith("<") ? /^Resolve it/ : /git checkout/);
          return true;
        },
      );
    });
  }
});
