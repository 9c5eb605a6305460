// After installing: removing, bringing back what the lock says, approving, and noticing what was changed.
import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import { approvePlugin } from "../../../../src/core/plugins/installer/approve.ts";
import type { PluginData } from "../../../../src/core/plugins/installer/data.ts";
import { inventory, inventoryEntry } from "../../../../src/core/plugins/installer/inventory.ts";
import { removePlugin, type RemoveOptions } from "../../../../src/core/plugins/installer/remove.ts";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { verifiedEntry, verifyInstalled } from "../../../../src/core/plugins/installer/verify.ts";
import { lockPath, readLock, storeFolder } from "../../../../src/core/plugins/lock.ts";
import { commit, git, makeProject, makeRepository, pluginFiles, write, type Project } from "./workspace.ts";

const trial = async (): Promise<void> => undefined;

async function install(project: Project, source: string): Promise<string> {
  const { name, entry } = await addPlugin({
    config: project.config,
    cwd: project.folder,
    source,
    consent: async () => true,
    trial,
  });
  return storeFolder(project.config.stateFolder, name, entry);
}

/** Where plugins keep data, as far as removing goes. */
function dataOf(names: string[], fault?: Error): () => Promise<PluginData> {
  return async () => ({
    has: async (name) => names.includes(name),
    drop: async (name) => {
      if (fault !== undefined) throw fault;
      names.splice(names.indexOf(name), 1);
    },
    [Symbol.asyncDispose]: async () => undefined,
  });
}

const remove = (project: Project, options: Partial<RemoveOptions> & { name: string }) =>
  removePlugin({ config: project.config, data: "keep", openData: dataOf([]), ...options });

describe("plugin rm", () => {
  test("takes it out of lock and store, and tells the server once it is out", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("a"));
    const folder = await install(project, "../a");
    let seen: string[] | undefined;
    const removed = await remove(project, {
      name: "a",
      notify: async () => {
        seen = Object.keys((await readLock(project.folder)).plugins);
        return { failed: [] };
      },
    });
    assert.deepEqual(removed, { name: "a", data: "none", wasInstalled: true, unmounted: true });
    assert.deepEqual(seen, []);
    assert.ok(!existsSync(folder) && !existsSync(`${folder}.files`) && !existsSync(lockPath(project.folder)));
  });

  test("does with the data what is said, asks where a question is given, and drops later what was kept", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("a", "permissions: { database: true }\n"));
    const names = ["a"];
    const openData = dataOf(names);
    await install(project, "../a");
    assert.equal((await remove(project, { name: "a", openData })).data, "kept");
    assert.deepEqual(names, ["a"]);
    const later = await remove(project, { name: "a", openData, data: "drop" });
    assert.deepEqual([later.data, later.wasInstalled, names], ["dropped", false, []]);

    await install(project, "../a");
    names.push("a");
    assert.equal((await remove(project, { name: "a", openData, data: async () => "drop" })).data, "dropped");
    await assert.rejects(remove(project, { name: "a", openData, data: "drop" }), {
      code: "PLUGIN_NOT_FOUND",
    });
  });

  test("says how to go on when the data can't be dropped", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("a", "permissions: { database: true }\n"));
    await install(project, "../a");
    await assert.rejects(
      remove(project, {
        name: "a",
        data: "drop",
        openData: dataOf(["a"], new Error("the database is away")),
      }),
      { code: "SERVICE_FAILED", hint: /xcore plugin rm a --data drop/ },
    );
  });

  test("changes nothing when the database can't be opened or the server can't follow", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("a", "permissions: { database: true }\n"));
    await install(project, "../a");
    const before = project.snapshot();
    const away = async (): Promise<never> => {
      throw new Error("away");
    };
    await assert.rejects(remove(project, { name: "a", openData: away }), { message: "away" });
    assert.deepEqual(project.snapshot(), before);
    await assert.rejects(remove(project, { name: "a", notify: away }), { message: "away" });
    assert.deepEqual(project.snapshot(), before);
  });

  test("is refused while other plugins need it, with their names", async () => {
    await using project = await makeProject();
    write(project.place("mailer"), pluginFiles("mailer"));
    await install(project, "../mailer");
    for (const name of ["x", "y"]) {
      write(project.place(name), pluginFiles(name, "dependencies: { mailer: ^1.0.0 }\n"));
      await install(project, `../${name}`);
    }
    await assert.rejects(remove(project, { name: "mailer" }), {
      code: "PLUGIN_DEPENDENCY",
      message: "plugin 'mailer' is needed by 'x', 'y'",
    });
  });

  test("of the project's own plugin is refused: it is your code", async () => {
    await using project = await makeProject();
    write(join(project.folder, "plugins/own"), pluginFiles("own"));
    await assert.rejects(remove(project, { name: "own" }), {
      code: "FORBIDDEN",
      hint: /Delete the folder yourself/,
    });
    await assert.rejects(remove(project, { name: "owm" }), {
      code: "PLUGIN_NOT_FOUND",
      hint: "Did you mean 'own'?",
    });
  });
});

describe("installed files", () => {
  const changes: [string, (folder: string) => void, RegExp][] = [
    ["one byte", (folder) => appendFileSync(join(folder, "src/index.ts"), " "), /changed src\/index\.ts/],
    ["a mode", (folder) => chmodSync(join(folder, "src/index.ts"), 0o755), /changed src\/index\.ts/],
    ["an added file", (folder) => writeFileSync(join(folder, "src/evil.ts"), ""), /added src\/evil\.ts/],
    ["a missing file", (folder) => rmSync(join(folder, "src/greeting.ts")), /missing src\/greeting\.ts/],
    ["an added link", (folder) => symlinkSync("/etc/passwd", join(folder, "link")), /added link/],
    [
      "a file that became a link",
      (folder) => {
        rmSync(join(folder, "plugin.yaml"));
        symlinkSync("/etc/passwd", join(folder, "plugin.yaml"));
      },
      /changed plugin\.yaml/,
    ],
    ["everything gone", (folder) => rmSync(folder, { recursive: true }), /the files are not there/],
    [
      "the list of files changed too",
      (folder) => {
        appendFileSync(join(folder, "src/index.ts"), " ");
        writeFileSync(`${folder}.files`, "");
      },
      /the files are others/,
    ],
  ];
  for (const [what, change, pattern] of changes) {
    test(`with ${what} are refused at the next load, and sync brings them back`, async () => {
      await using project = await makeProject();
      makeRepository(project.place("a"), pluginFiles("a"));
      const folder = await install(project, "../a");
      const entry = (await readLock(project.folder)).plugins["a"];
      assert.ok(entry !== undefined);
      await verifyInstalled(entry, folder);
      change(folder);
      await assert.rejects(verifiedEntry(project.config, { name: "a", folder }), {
        code: "LOCK_MISMATCH",
        message: pattern,
        hint: /xcore plugin sync/,
      });
      const [listed] = await inventory(project.config);
      assert.equal(listed?.fault?.code, "LOCK_MISMATCH");
      const report = await syncPlugins({ config: project.config, trial });
      assert.deepEqual([report.fetched, report.failed], [["a"], []]);
      await verifyInstalled(entry, folder);
    });
  }

  test("that the lock no longer names are not loaded", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("a"));
    const folder = await install(project, "../a");
    rmSync(lockPath(project.folder));
    await assert.rejects(verifiedEntry(project.config, { name: "a", folder }), { code: "LOCK_MISMATCH" });
  });
});

describe("plugin sync", () => {
  test("fills an empty store of a fresh checkout with exactly what the lock pins, and changes no lock", async () => {
    await using project = await makeProject();
    const repository = makeRepository(project.place("a"), pluginFiles("a"));
    write(project.place("b"), pluginFiles("b"));
    const folder = await install(project, "../a#main");
    await install(project, "../b");
    const lock = readFileSync(lockPath(project.folder), "utf8");
    commit(repository, pluginFiles("a", "", "2.0.0"));
    rmSync(project.config.stateFolder, { recursive: true });

    const report = await syncPlugins({ config: project.config, trial, notify: async () => ({ failed: [] }) });
    assert.deepEqual(report, {
      kept: [],
      fetched: ["a", "b"],
      completed: [],
      removed: [],
      failed: [],
      told: true,
    });
    assert.match(readFileSync(join(folder, "plugin.yaml"), "utf8"), /1\.0\.0/);
    assert.equal(readFileSync(lockPath(project.folder), "utf8"), lock);
    assert.deepEqual((await syncPlugins({ config: project.config, trial })).kept, ["a", "b"]);
  });

  test("reports each that can't be had and brings the others", async () => {
    await using project = await makeProject();
    makeRepository(project.place("gone"), pluginFiles("gone"));
    const rewritten = makeRepository(project.place("rewritten"), pluginFiles("rewritten"));
    for (const name of ["changed", "fine"]) write(project.place(name), pluginFiles(name));
    for (const name of ["gone", "rewritten", "changed", "fine"]) await install(project, `../${name}`);
    rmSync(project.config.stateFolder, { recursive: true });
    rmSync(project.place("gone"), { recursive: true });
    write(project.place("changed"), { "src/greeting.ts": "export const greeting = 'other';" });
    write(rewritten, { other: "x" });
    git(rewritten, "add", "-A");
    git(rewritten, "commit", "-q", "--amend", "-m", "rewritten");
    git(rewritten, "reflog", "expire", "--expire=now", "--all");
    git(rewritten, "gc", "-q", "--prune=now");

    const { fetched, failed } = await syncPlugins({ config: project.config, trial });
    assert.deepEqual(fetched, ["fine"]);
    assert.deepEqual(
      failed.map(({ name, code }) => [name, code]),
      [
        ["changed", "LOCK_MISMATCH"],
        ["gone", "SOURCE_INVALID"],
        ["rewritten", "SOURCE_UNREACHABLE"],
      ],
    );
  });

  test("removes from the store what no entry names", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("a"));
    await install(project, "../a");
    write(project.config.stateFolder, {
      "store/old-0123456789ab/plugin.yaml": "",
      "store/old-0123456789ab.files": "",
    });
    const { removed } = await syncPlugins({ config: project.config, trial });
    assert.deepEqual(removed, ["old-0123456789ab"]);
    assert.equal(project.snapshot().filter((path) => path.startsWith("old")).length, 0);
  });
});

describe("plugin approve", () => {
  test("asks about what the lock does not grant, and writes it down", async () => {
    await using project = await makeProject();
    write(
      project.place("a"),
      pluginFiles("a", "permissions: { database: true, fetch: [api.example.com] }\n"),
    );
    await install(project, "../a");
    const text = readFileSync(lockPath(project.folder), "utf8");
    writeFileSync(lockPath(project.folder), text.replace("      database: true\n", ""));
    const { config } = project;
    await assert.rejects(approvePlugin({ config, name: "a", consent: async () => false }), {
      code: "CONSENT_REFUSED",
    });
    assert.ok(!readFileSync(lockPath(project.folder), "utf8").includes("database"));
    const approved = await approvePlugin({
      config,
      name: "a",
      consent: async ({ before }) => {
        assert.deepEqual(
          before?.map((one) => one.allow),
          ["fetch=api.example.com"],
        );
        return true;
      },
    });
    assert.equal(approved.changed, true);
    assert.equal(readFileSync(lockPath(project.folder), "utf8"), text);
    const again = await approvePlugin({
      config,
      name: "a",
      consent: () => assert.fail("nothing is to be asked"),
    });
    assert.equal(again.changed, false);
  });

  test("narrows without a question", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("a"));
    await install(project, "../a");
    const text = readFileSync(lockPath(project.folder), "utf8");
    writeFileSync(lockPath(project.folder), text.replace("approved: {}", "approved: { jobs: true }"));
    const { config } = project;
    await approvePlugin({ config, name: "a", consent: () => assert.fail("nothing is to be asked") });
    assert.equal(readFileSync(lockPath(project.folder), "utf8"), text);
  });

  test("of an unknown plugin names the nearest", async () => {
    await using project = await makeProject();
    write(project.place("a"), pluginFiles("notes"));
    await install(project, "../a");
    await assert.rejects(approvePlugin({ config: project.config, name: "nots", consent: async () => true }), {
      code: "PLUGIN_NOT_FOUND",
      hint: "Did you mean 'notes'?",
    });
    await assert.rejects(inventoryEntry(project.config, "nots"), { code: "PLUGIN_NOT_FOUND" });
  });
});
