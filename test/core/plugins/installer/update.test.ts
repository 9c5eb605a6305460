// Updates: what is newer, what it brings, what is refused, and the way back. Real repositories and registries.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { readMigrations } from "../../../../src/core/plugin-schemas.ts";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import { diffPlugin } from "../../../../src/core/plugins/installer/diff.ts";
import { outdatedPlugins, isOutdated } from "../../../../src/core/plugins/installer/outdated.ts";
import { pinPlugin } from "../../../../src/core/plugins/installer/pin.ts";
import type { Trial } from "../../../../src/core/plugins/installer/trial.ts";
import { readLock, storeFolder, writeLock } from "../../../../src/core/plugins/lock.ts";
import { openRegistry } from "./npm-registry.ts";
import {
  database,
  entryOf,
  install,
  migration,
  openRepositories,
  rollback,
  schemas,
  trial,
  update,
  type Repositories,
} from "./update-scene.ts";
import { commit, git, makeProject, pluginFiles, write, type Files } from "./workspace.ts";

describe("updates", () => {
  let repositories: Repositories;
  before(async () => {
    repositories = await openRepositories();
  });
  after(async () => repositories?.[Symbol.asyncDispose]());
  const repository = (files: Files) => repositories.make(files);

  test("follow a branch to its head, and lead back to what ran before", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes"));
    await install(project, url);
    const first = await entryOf(project);
    assert.deepEqual((await update(project)).current, ["notes"]);
    const head = commit(folder, pluginFiles("notes", "", "1.1.0"), "one more");

    const [row] = await outdatedPlugins({ config: project.config, names: [] });
    assert.partialDeepStrictEqual(row, {
      name: "notes",
      wanted: head.slice(0, 12),
      follows: "branch",
      fault: null,
    });
    const diff = await diffPlugin({ config: project.config, name: "notes", readMigrations, trial });
    assert.partialDeepStrictEqual(diff, {
      from: "1.0.0",
      to: "1.1.0",
      descends: true,
      broken: [],
      fault: null,
    });
    assert.deepEqual(
      diff?.commits.map(({ id, subject }) => [id, subject]),
      [[head, "one more"]],
    );
    assert.deepEqual([...(diff?.files ?? [])].sort(), ["changed plugin.yaml", "changed src/greeting.ts"]);
    assert.equal((await entryOf(project)).version, "1.0.0");

    const told: string[] = [];
    const notify = async () => {
      told.push((await entryOf(project)).version);
      return { failed: [] };
    };
    const { updated } = await update(project, { notify });
    assert.partialDeepStrictEqual(updated[0], { name: "notes", from: "1.0.0", to: "1.1.0", mounted: true });
    const second = await entryOf(project);
    assert.deepEqual(second.previous, first);
    assert.ok(existsSync(storeFolder(project.config.stateFolder, "notes", first)));

    assert.partialDeepStrictEqual(await rollback(project, { notify }), {
      from: "1.1.0",
      to: "1.0.0",
      undone: [],
    });
    assert.deepEqual(await entryOf(project), first);
    assert.deepEqual(told, ["1.1.0", "1.0.0"]);
    await assert.rejects(rollback(project), { code: "PLUGIN_NO_PREVIOUS" });
  });

  test("follow tags of one major version, each line of tags by itself; a commit stays", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes"));
    git(folder, "tag", "v1.0.0");
    for (const version of ["1.2.0", "1.10.0", "1.11.0-rc.1", "2.0.0"]) {
      commit(folder, pluginFiles("notes", "", version));
      git(folder, "tag", "-a", `v${version}`, "-m", version);
    }
    commit(folder, { "other.txt": "x" });
    git(folder, "tag", "other-v1.99.0");
    await install(project, `${url}#v1.0.0`);
    const [row] = await outdatedPlugins({ config: project.config, names: ["notes"] });
    assert.partialDeepStrictEqual(row, {
      current: "v1.0.0",
      wanted: "v1.10.0",
      latest: "v2.0.0",
      follows: "tags",
    });
    assert.equal((await update(project)).updated[0]?.to, "1.10.0");
    assert.equal((await update(project, { names: ["notes"], to: "v2.0.0" })).updated[0]?.to, "2.0.0");
    assert.deepEqual((await update(project)).current, ["notes"]);

    await using other = await makeProject();
    await install(other, `${url}#${git(folder, "rev-parse", "v1.2.0^{}")}`);
    const [fixed] = await outdatedPlugins({ config: other.config, names: [] });
    assert.partialDeepStrictEqual(fixed, { wanted: null, latest: null, follows: "commit" });
  });

  test("follow an npm range, from the registry it was approved from only", async () => {
    const releases = ["1.0.0", "1.4.0", "2.0.0"].map((version) => ({
      version,
      files: pluginFiles("notes", "", version),
    }));
    await using registry = await openRegistry({ notes: releases.slice(0, 1) });
    await using newer = await openRegistry({ notes: releases });
    await using project = await makeProject();
    const env = { PATH: process.env["PATH"], HOME: "/nonexistent" };
    const { config } = project;
    write(project.folder, { ".npmrc": `registry=${registry.url}\n` });
    await addPlugin({ config, source: "npm:notes@^1.0.0", env, consent: async () => true, trial });
    assert.deepEqual((await update(project, { env })).current, ["notes"]);

    write(project.folder, { ".npmrc": `registry=${newer.url}\n` });
    const refused = await update(project, { env });
    assert.equal(refused.failed[0]?.code, "FORBIDDEN");
    assert.deepEqual(newer.requests, []);

    const lock = await readLock(project.folder);
    const entry = await entryOf(project);
    assert.ok(entry.source.type === "npm");
    const moved = { ...entry, source: { ...entry.source, registry: `${newer.url}/` } };
    await writeLock(project.folder, { ...lock, plugins: { notes: moved } });
    const [row] = await outdatedPlugins({ config, names: [], env });
    assert.partialDeepStrictEqual(row, {
      current: "1.0.0",
      wanted: "1.4.0",
      latest: "2.0.0",
      follows: "npm",
    });
    assert.equal((await update(project, { env })).updated[0]?.to, "1.4.0");
    assert.equal((await entryOf(project)).source.type, "npm");
    assert.equal((await update(project, { env, names: ["notes"], to: "2.0.0" })).updated[0]?.to, "2.0.0");
  });

  test("take a folder as it is now, and an archive only by its name", async () => {
    await using project = await makeProject();
    const { config } = project;
    write(project.place("notes"), pluginFiles("notes"));
    await install(project, "../notes");
    assert.deepEqual((await update(project)).current, ["notes"]);
    assert.equal(await diffPlugin({ config, name: "notes", readMigrations, trial }), undefined);
    write(project.place("notes"), pluginFiles("notes", "", "1.1.0"));
    assert.equal((await diffPlugin({ config, name: "notes", readMigrations, trial }))?.to, "1.1.0");
    assert.equal((await update(project)).updated[0]?.to, "1.1.0");
    assert.equal(isOutdated((await outdatedPlugins({ config, names: [] }))[0] ?? assert.fail()), false);

    for (const version of ["1.0.0", "1.1.0"]) {
      write(project.place(`packed-${version}`), pluginFiles("packed", "", version));
      execFileSync("tar", [
        "-czf",
        project.place(`packed-${version}.tgz`),
        "-C",
        project.place(`packed-${version}`),
        ".",
      ]);
    }
    await install(project, "../packed-1.0.0.tgz");
    assert.deepEqual((await update(project, { names: ["packed"] })).current, ["packed"]);
    const to = project.place("packed-1.1.0.tgz");
    assert.equal((await update(project, { names: ["packed"], to })).updated[0]?.to, "1.1.0");
    assert.equal(
      (await update(project, { names: ["packed"], to: project.place("notes") })).failed[0]?.code,
      "USAGE",
    );
  });

  test("pass over what is pinned", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes"));
    await install(project, url);
    const { config } = project;
    assert.equal((await pinPlugin({ config, name: "notes", pinned: true })).changed, true);
    assert.equal((await pinPlugin({ config, name: "notes", pinned: true })).changed, false);
    commit(folder, pluginFiles("notes", "", "1.1.0"));
    assert.deepEqual((await update(project)).pinned, ["notes"]);
    assert.equal((await outdatedPlugins({ config, names: [] }))[0]?.pinned, true);
    await pinPlugin({ config, name: "notes", pinned: false });
    assert.equal((await update(project)).updated.length, 1);
    await assert.rejects(pinPlugin({ config, name: "nots", pinned: true }), {
      code: "PLUGIN_NOT_FOUND",
      hint: /notes/,
    });
  });

  test("ask about what is wanted beyond what was approved, and about nothing else", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes", "permissions: { cache: true, jobs: true }\n"));
    await install(project, url);
    commit(folder, pluginFiles("notes", "permissions: { cache: true, fetch: [api.example.com] }\n", "1.1.0"));
    const before = project.snapshot();
    const refused = await update(project, { consent: async () => false });
    assert.partialDeepStrictEqual(refused.failed[0], { name: "notes", code: "CONSENT_REFUSED" });
    assert.deepEqual(project.snapshot(), before);
    let asked: string[] = [];
    const { updated } = await update(project, {
      consent: async (request) => {
        asked = [
          ...request.asks.map(({ allow }) => allow),
          "was",
          ...(request.before ?? []).map(({ allow }) => allow),
        ];
        return true;
      },
    });
    assert.deepEqual(asked, ["fetch=api.example.com", "cache", "was", "jobs", "cache"]);
    assert.deepEqual(
      updated[0]?.permissions.narrowed.map(({ allow }) => allow),
      ["jobs"],
    );
    assert.deepEqual((await entryOf(project)).approved.fetch, ["api.example.com"]);
    commit(folder, pluginFiles("notes", "", "1.2.0"));
    assert.equal((await update(project)).updated.length, 1);
  });

  test("refuse rewritten history, an older version, another name and a changed migration, and change nothing", async () => {
    await using project = await makeProject();
    const old = {
      ...pluginFiles("notes", database, "1.1.0"),
      "migrations/0001_a.sql": migration("create table a ()"),
    };
    const { folder, url } = repository(old);
    await install(project, url);
    const before = project.snapshot();
    const refusal = async (code: string, pattern: RegExp): Promise<void> => {
      const { failed, updated } = await update(project);
      assert.deepEqual([failed[0]?.code, updated.length], [code, 0]);
      assert.match(failed[0]?.message ?? "", pattern);
      assert.deepEqual(project.snapshot(), before);
    };
    commit(folder, { ...old, "plugin.yaml": "name: notes\nversion: 1.0.9\n" + database });
    await refusal("PLUGIN_OLDER", /1\.0\.9 is older than 1\.1\.0/);
    commit(folder, { ...old, "plugin.yaml": "name: other\nversion: 1.2.0\n" });
    await refusal("SOURCE_INVALID", /is named 'other'/);
    commit(folder, {
      ...pluginFiles("notes", database, "1.2.0"),
      "migrations/0001_a.sql": migration("create table b ()"),
    });
    await refusal("MIGRATION_CHANGED", /0001_a/);
    git(folder, "checkout", "-q", "--orphan", "fresh");
    commit(folder, {
      ...pluginFiles("notes", database, "1.3.0"),
      "migrations/0001_a.sql": migration("create table a ()"),
    });
    git(folder, "branch", "-M", "fresh", "main");
    await refusal("HISTORY_REWRITTEN", /ancestors/);
    const diff = await diffPlugin({ config: project.config, name: "notes", readMigrations, trial });
    assert.equal(diff?.descends, false);
  });

  test("refuse what breaks plugins that need it, by version or by action, unless told to go on", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes"));
    await install(project, url);
    write(
      join(project.folder, "plugins/reader"),
      pluginFiles("reader", "dependencies: { notes: ^1.0.0 }\npermissions: { call: [notes.count] }\n"),
    );
    commit(folder, pluginFiles("notes", "", "1.5.0"));
    const action = { description: "" };
    const offering =
      (actions: Record<string, object>): Trial =>
      async ({ manifest }) =>
        ({ actions: manifest.version === "1.0.0" ? { count: action, more: action } : actions }) as never;
    const gone = await update(project, { trial: offering({ more: action }) });
    assert.equal(gone.failed[0]?.code, "PLUGIN_DEPENDENCY");
    assert.match(gone.failed[0]?.message ?? "", /'reader' \(action 'count': it is gone\)/);
    assert.equal((await update(project, { trial: offering({ count: action }) })).updated.length, 1);

    commit(folder, pluginFiles("notes", "", "2.0.0"));
    const left = await update(project);
    assert.match(left.failed[0]?.message ?? "", /'reader' \(it needs \^1\.0\.0\)/);
    assert.match(left.failed[0]?.hint ?? "", /--break-dependants/);
    assert.equal((await update(project, { breakDependants: true })).updated[0]?.broken[0]?.plugin, "reader");
  });

  test("go back with the data when the server can't load what is newer", async () => {
    await using project = await makeProject();
    const { folder, url } = repository({
      ...pluginFiles("notes", database),
      "migrations/0001_a.sql": migration("a"),
    });
    await install(project, url);
    commit(folder, { ...pluginFiles("notes", database, "1.1.0"), "migrations/0002_b.sql": migration("b") });
    const before = project.snapshot();
    const applied = ["0001_a"];
    const seen: [string, string[]][] = [];
    const report = await update(project, {
      openSchemas: schemas(applied),
      notify: async () => {
        const { version } = await entryOf(project);
        if (version === "1.1.0") applied.push("0002_b");
        seen.push([version, [...applied]]);
        return {
          failed: version === "1.1.0" ? [{ name: "notes", code: "PLUGIN_START", message: "no" }] : [],
        };
      },
    });
    assert.equal(report.failed[0]?.code, "PLUGIN_START");
    assert.deepEqual(seen, [
      ["1.1.0", ["0001_a", "0002_b"]],
      ["1.0.0", ["0001_a"]],
    ]);
    assert.deepEqual(project.snapshot(), before);
  });

  test("do not take again by themselves what went back by itself", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes"));
    const { entry } = await install(project, url);
    commit(folder, pluginFiles("notes", "", "1.1.0"));
    await update(project);
    const { integrity } = await entryOf(project);
    const wentBack = { version: "1.1.0", integrity, reason: "it crashed", at: new Date().toISOString() };
    await writeLock(project.folder, { plugins: { notes: { ...entry, wentBack } } });
    const { failed } = await update(project);
    assert.match(failed[0]?.message ?? "", /1\.1\.0 went back by itself before: it crashed/);
    assert.equal(
      (await outdatedPlugins({ config: project.config, names: [] }))[0]?.wentBack?.version,
      "1.1.0",
    );
    assert.equal((await update(project, { names: ["notes"], to: "main" })).updated[0]?.to, "1.1.0");
    assert.equal((await entryOf(project)).wentBack, undefined);
  });

  test("are refused when another process changed the plugin while somebody was asked", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes"));
    await install(project, url);
    commit(folder, pluginFiles("notes", "permissions: { cache: true }\n", "1.1.0"));
    const { config } = project;
    const { failed } = await update(project, {
      consent: async () => (await pinPlugin({ config, name: "notes", pinned: true })).changed,
    });
    assert.equal(failed[0]?.code, "LOCK_MISMATCH");
    assert.match(failed[0]?.message ?? "", /changed by another process/);
    assert.equal((await entryOf(project)).version, "1.0.0");
  });

  test("two at once end as one: the other finds it done", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes"));
    await install(project, url);
    commit(folder, pluginFiles("notes", "", "1.1.0"));
    const reports = await Promise.all([update(project), update(project)]);
    assert.deepEqual(
      reports.map(({ failed }) => failed),
      [[], []],
    );
    assert.deepEqual(reports.map(({ updated, current }) => [updated.length, current.length]).sort(), [
      [0, 1],
      [1, 0],
    ]);
    assert.equal((await entryOf(project)).version, "1.1.0");
  });

  test("report one that can't be asked about, and go on with the others", async () => {
    await using project = await makeProject();
    const gone = repository(pluginFiles("gone"));
    const { folder, url } = repository(pluginFiles("notes"));
    await install(project, url);
    await install(project, gone.url);
    rmSync(gone.folder, { recursive: true });
    commit(folder, pluginFiles("notes", "", "1.1.0"));
    const rows = await outdatedPlugins({ config: project.config, names: [] });
    assert.deepEqual(
      rows.map((row) => [row.name, row.fault?.code, isOutdated(row)]),
      [
        ["gone", "SOURCE_UNREACHABLE", false],
        ["notes", undefined, true],
      ],
    );
    const report = await update(project);
    assert.deepEqual([report.failed[0]?.name, report.updated[0]?.name], ["gone", "notes"]);
  });
});
