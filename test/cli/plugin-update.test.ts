// xcore plugin outdated, diff, update, rollback, pin and link: the built command line, with and without a server, over a real database.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { commit, makeRepository, pluginFiles, write } from "../core/plugins/installer/workspace.ts";
import { until } from "../support/workspace.ts";
import { makeWorkspace, start, xcore, type Ended, type Running, type Workspace } from "./support/run.ts";

const database = "permissions: { database: true }\n";
const migration = (name: string): string =>
  `-- migrate:up\ncreate table ${name} (id int);\n-- migrate:down\ndrop table ${name};\n`;
const reading = (table: string): string =>
  `import { definePlugin } from "xcore/plugin";
export default definePlugin({ routes: { "GET /": async (request, { db }) => String((await db.sql\`select 1 from ${table}\`).length) } });
`;

for (const mode of ["auto", "check"]) {
  describe(`xcore plugin update, migrations: ${mode}`, () => {
    let project: Workspace;
    let sources = "";
    let notes = "";
    let server: Running | undefined;

    before(async () => {
      project = await makeWorkspace(`name: shop\nserver: { port: 0 }\nmigrations: { mode: ${mode} }\n`);
      sources = await mkdtemp(join(tmpdir(), "xcore-sources-"));
      notes = makeRepository(join(sources, "notes"), {
        ...pluginFiles("notes", database),
        "src/index.ts": reading("one"),
        "migrations/0001_one.sql": migration("one"),
      });
    });
    after(async () => {
      server?.kill("SIGKILL");
      await rm(sources, { recursive: true, force: true });
      await project?.[Symbol.asyncDispose]();
    });

    const run = async (...args: string[]): Promise<Ended> => {
      const ended = await xcore(["plugin", ...args], { cwd: project.folder });
      return { ...ended, stderr: stripVTControlCharacters(ended.stderr) };
    };

    test("outdated and diff say what is newer, and end with 1 when there is something", async () => {
      assert.equal((await run("add", notes, "--allow", "database")).code, 0);
      const current = await run("outdated");
      assert.deepEqual([current.code, current.stdout.trim()], [0, "Everything is as new as it can be."]);
      commit(
        notes,
        {
          ...pluginFiles("notes", database, "1.1.0"),
          "src/index.ts": reading("two"),
          "migrations/0002_two.sql": migration("two"),
        },
        "a second table",
      );
      const outdated = await run("outdated");
      assert.equal(outdated.code, 1);
      assert.match(outdated.stdout, /^PLUGIN +CURRENT +WANTED +LATEST/);
      const { plugins } = JSON.parse((await run("outdated", "notes", "--json")).stdout) as {
        plugins: object[];
      };
      assert.partialDeepStrictEqual(plugins, [{ name: "notes", version: "1.0.0", follows: "branch" }]);
      const { stdout, code } = await run("diff", "notes");
      assert.equal(code, 0);
      assert.match(stdout, /^notes 1\.0\.0 -> 1\.1\.0\n/);
      assert.match(stdout, /New migrations\n {2}- 0002_two\n/);
      assert.match(stdout, /Commits\n {2}- [0-9a-f]{12} a second table/);
      assert.match(stdout, /added migrations\/0002_two\.sql/);
    });

    test("update, rollback and what is pinned in a running server, with the schema going along", async () => {
      if (mode === "check") assert.equal((await xcore(["migrate"], { cwd: project.folder })).code, 0);
      server = start(["serve", "--json"], { cwd: project.folder });
      const status = await until(
        async () => xcore(["status", "--json"], { cwd: project.folder }),
        ({ code }) => code === 0,
      );
      const { core } = JSON.parse(status.stdout) as { core: { address: string } };
      const answer = async (): Promise<string> => (await fetch(`${core.address}/app/notes/`)).text();
      assert.equal(await answer(), "0");
      const updated = await run("update");
      assert.equal(updated.code, 0, updated.stderr);
      assert.match(updated.stderr, /Updated notes 1\.0\.0 -> 1\.1\.0, from .*; it is mounted/);
      assert.equal(await answer(), "0");

      const refused = await run("rollback", "notes");
      assert.equal(refused.code, 65);
      assert.match(refused.stderr, /0002_two.*MIGRATION_AHEAD/s);
      const back = await run("rollback", "notes", "--undo-migrations");
      assert.match(back.stderr, /Rolled back notes 1\.1\.0 -> 1\.0\.0\. Undone: 0002_two\./);
      assert.equal(await answer(), "0");
      const other = makeRepository(join(sources, "other"), {
        ...pluginFiles("other", database),
        "src/index.ts": reading("one"),
        "migrations/0001_one.sql": migration("one"),
      });
      const added = await run("add", other, "--allow", "database");
      assert.match(added.stderr, /Installed other 1\.0\.0; it is mounted/);
      assert.equal(await (await fetch(`${core.address}/app/other/`)).text(), "0");
      assert.match((await run("pin", "notes")).stderr, /notes 1\.0\.0 is now pinned/);
      assert.match((await run("update")).stderr, /notes is pinned; to let it go: xcore plugin unpin notes/);
      assert.match((await run("list")).stdout, /notes.*pinned/);
      assert.equal((await run("unpin", "notes")).code, 0);
    });

    // The rest knows nothing of migrations.
    if (mode === "check") return;

    test("an update that wants more is not made by a script that was not told to, and asks for the difference only", async () => {
      commit(notes, {
        ...pluginFiles("notes", "permissions: { database: true, fetch: [api.example.com] }\n", "1.2.0"),
        "src/index.ts": reading("one"),
      });
      const refused = await run("update");
      assert.equal(refused.code, 77);
      assert.match(refused.stderr, /--allow fetch=api\.example\.com\n/);
      assert.match(refused.stderr, /It also wants to\n {2}- exchange data with api\.example\.com/);
      const allowed = await run("update", "notes", "--allow", "fetch=api.example.com");
      assert.equal(allowed.code, 0, allowed.stderr);
      assert.equal((await run("update", "nots")).code, 65);
      assert.equal((await run("update", "--to", "main")).code, 2);
    });

    test("link and unlink a plugin where it is worked on", async () => {
      write(join(sources, "work"), pluginFiles("work", "", "3.0.0-dev"));
      assert.match(
        (await run("link", join(sources, "work"))).stderr,
        /Linked work 3\.0\.0-dev to .*unlink work/,
      );
      assert.match((await run("list")).stdout, /work +3\.0\.0-dev .*linked: /);
      assert.match((await run("verify")).stderr, /work is linked to a folder/);
      assert.match((await run("unlink", "work")).stderr, /Unlinked work\./);
    });
  });
}
