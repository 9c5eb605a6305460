// The way back from an update, with the data considered.
import assert from "node:assert/strict";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { syncPlugins } from "../../../../src/core/plugins/installer/sync.ts";
import { storeFolder } from "../../../../src/core/plugins/lock.ts";
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
import { commit, makeProject, pluginFiles, write, type Files, type Project } from "./workspace.ts";

describe("a rollback", () => {
  let repositories: Repositories;
  before(async () => {
    repositories = await openRepositories();
  });
  after(async () => repositories?.[Symbol.asyncDispose]());
  const repository = (files: Files) => repositories.make(files);

  async function updatedProject(): Promise<{ project: Project; applied: string[]; folder: string }> {
    const project = await makeProject();
    const { folder, url } = repository({
      ...pluginFiles("notes", database),
      "migrations/0001_a.sql": migration("a"),
    });
    await install(project, url);
    commit(folder, {
      ...pluginFiles("notes", database, "1.1.0"),
      "migrations/0002_b.sql": migration("b"),
      "migrations/0003_c.sql": migration("c"),
    });
    await update(project);
    return { project, applied: ["0001_a", "0002_b", "0003_c"], folder };
  }

  test("refuses while the schema is ahead, with the list; undoes it when told to", async () => {
    const { project, applied } = await updatedProject();
    await using _ = project;
    const openSchemas = schemas(applied);
    await assert.rejects(rollback(project, { openSchemas }), {
      code: "MIGRATION_AHEAD",
      message: /0002_b, 0003_c/,
      hint: /--undo-migrations/,
    });
    assert.equal((await entryOf(project)).version, "1.1.0");
    const { undone, to } = await rollback(project, { openSchemas, undoMigrations: true });
    assert.deepEqual([undone, to, applied], [["0003_c", "0002_b"], "1.0.0", ["0001_a"]]);
  });

  test("refuses what can't be undone, and what nobody needs undone is left alone", async () => {
    await using project = await makeProject();
    const { folder, url } = repository(pluginFiles("notes", database));
    await install(project, url);
    commit(folder, {
      ...pluginFiles("notes", database, "1.1.0"),
      "migrations/0001_a.sql": "create table a ();\n",
    });
    assert.deepEqual((await update(project)).updated[0]?.final, ["0001_a"]);
    await assert.rejects(rollback(project, { openSchemas: schemas(["0001_a"]), undoMigrations: true }), {
      code: "MIGRATION_AHEAD",
      hint: /0001_a can't be undone/,
    });
    assert.equal((await rollback(project, { openSchemas: schemas([]) })).to, "1.0.0");
  });

  test("fetches the earlier revision again where the store no longer has it", async () => {
    const { project, applied } = await updatedProject();
    await using _ = project;
    const { previous } = await entryOf(project);
    assert.ok(previous !== undefined);
    const place = storeFolder(project.config.stateFolder, "notes", previous);
    assert.deepEqual((await syncPlugins({ config: project.config, trial })).removed, []);
    rmSync(place, { recursive: true });
    await rollback(project, { openSchemas: schemas(applied.slice(0, 1)) });
    assert.ok(existsSync(place));
  });

  test("that breaks those that need the newer one is refused with their names", async () => {
    const { project, applied } = await updatedProject();
    await using _ = project;
    write(join(project.folder, "plugins/reader"), pluginFiles("reader", "dependencies: { notes: ^1.1.0 }\n"));
    await assert.rejects(rollback(project, { openSchemas: schemas(applied), undoMigrations: true }), {
      code: "PLUGIN_DEPENDENCY",
      message: /'reader' \(it needs \^1\.1\.0\)/,
    });
    assert.equal(applied.length, 3);
  });
});
