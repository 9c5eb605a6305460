// A whole server on PGlite: migrations of a plugin, its queries and transactions, and jobs.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger } from "../../src/core/base/log.ts";
import { readConfig } from "../../src/core/config/read.ts";
import { dumpDatabase } from "../../src/core/migrations/dump/dump.ts";
import { restoreDatabase } from "../../src/core/migrations/dump/restore.ts";
import { openMigrations } from "../../src/core/migrations/session.ts";
import { openTestCore, pluginFiles, testWorkspace, until } from "../support/workspace.ts";

test("a project whose database is PGlite works, and finds its data again", async () => {
  await using workspace = await testWorkspace({
    ...pluginFiles(
      "notes",
      `export default definePlugin({
  jobs: { note: { run: async (text, { db }) => { await db.sql\`insert into notes (text) values (\${text})\`; } } },
  routes: {
    "POST /": async (request, { db }) => db.transaction(async (tx) => {
      await tx.sql\`insert into notes (text) values (\${await request.text()})\`;
      return { stored: (await tx.sql\`select count(*)::int as n from notes\`)[0].n };
    }),
    "POST /later": async (request, { jobs }) => jobs.enqueue("note", await request.text()),
    "GET /": async (request, { db }) => (await db.sql\`select text from notes order by id\`).map(({ text }) => text),
  },
});`,
      "permissions: { database: true, jobs: true }\n",
    ),
    "plugins/notes/migrations/0001_notes.sql":
      "-- migrate:up\ncreate table notes (id int generated always as identity, text text not null);\n-- migrate:down\ndrop table notes;\n",
    "integration.yaml": [
      "name: light",
      "server: { port: 0, drain: 300ms }",
      "admin: { token: test-token-test-token-test-token }",
      "services: { database: { driver: pglite } }",
    ].join("\n"),
  });
  {
    await using server = await openTestCore(workspace);
    const post = async (path: string, body: string): Promise<string> => {
      const answer = await server.get(`/app/notes${path}`, { method: "POST", body });
      return `${answer.status} ${await answer.text()}`;
    };
    assert.equal(await post("/", "one"), '200 {"stored":1}');
    const all = await Promise.all([1, 2, 3].map((n) => post("/", `n${n}`)));
    assert.deepEqual(
      all.filter((answer) => !answer.startsWith("200")),
      [],
    );
    assert.match(await post("/later", "from a job"), /^200/);
    await until(
      async () => (await server.get("/app/notes/")).text(),
      (text) => text.includes("from a job"),
    );
    assert.equal((await server.get("/readyz")).status, 200);
    const { services } = await server.core.status();
    assert.equal(services.find(({ name }) => name === "database")?.driver, "pglite");
  }
  {
    // Without COPY there is no dump: said at once, not found out while everybody waits for the dump's transaction.
    const config = await readConfig({ workspace: workspace.folder });
    await using session = await openMigrations(config, silentLogger);
    const file = join(workspace.folder, "light.sql");
    const refused = { code: "PART_MISSING", message: /driver pglite does not have/ };
    await assert.rejects(
      dumpDatabase({ database: session.database, config, file, plugin: undefined }),
      refused,
    );
    await assert.rejects(restoreDatabase(session, { config, file }), refused);
  }
  await using again = await openTestCore(workspace);
  const kept = (await (await again.get("/app/notes/")).json()) as string[];
  assert.equal(kept.length, 5);
  assert.ok(kept.includes("from a job"));
});
