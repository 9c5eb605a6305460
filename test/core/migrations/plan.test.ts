// Looking before leaping: what a run would do, and whether entities and database agree. On a real database.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readConfig } from "../../../src/core/config/read.ts";
import { silentLogger } from "../../../src/core/base/log.ts";
import { openMigrations } from "../../../src/core/migrations/session.ts";
import { testWorkspace } from "../../support/workspace.ts";

const entity = (columns: string): string => `import { defineEntity, p } from "xcore/orm";
export const User = defineEntity({ name: "User", tableName: "users", properties: { id: p.integer().primary(), ${columns} } });
`;

const backfill = `import { Migration, raw } from "xcore/orm";
export class Migration2 extends Migration {
  override async up() {
    const [{ n }] = await this.execute("select count(*)::int + 1 as n from pg_namespace where nspname = 'public'");
    this.addSql("create table later (id int)");
    await this.execute("insert into nowhere values (?)", [n]);
    this.addSql(raw("insert into later values (?)", [7]));
  }
  override down() { this.addSql("drop table later"); }
}
`;

test("a plan shows the SQL of what is pending and of what would be undone, and runs nothing", async () => {
  await using workspace = await testWorkspace({
    "integration.yaml": "name: test\n",
    "package.json": '{ "type": "module" }',
    "migrations/Migration2.ts": backfill,
  });
  await workspace.copyPlugin("links");
  const config = await readConfig({ workspace: workspace.folder });
  await using session = await openMigrations(config, silentLogger);
  const before = await session.application.status();
  assert.deepEqual(await session.application.plan("up"), [
    {
      name: "Migration2",
      statements: [
        "select count(*)::int + 1 as n from pg_namespace where nspname = 'public'",
        "insert into nowhere values (2)",
        "create table later (id int)",
        "insert into later values (7)",
      ],
    },
  ]);
  assert.deepEqual(await session.application.status(), before);
  const links = session.target("links");
  const [planned] = await links.plan("up");
  assert.match(planned?.statements[0] ?? "", /^create table links/);
  assert.deepEqual(await links.plan("down"), []);
  await links.up();
  assert.deepEqual(await links.plan("up"), []);
  assert.match((await links.plan("down"))[0]?.statements[0] ?? "", /^drop table/);
  assert.deepEqual(
    (await links.status()).map(({ state }) => state),
    ["applied"],
  );
});

test("a plan can't write, whatever the migration does to find out what it wants", async () => {
  await using workspace = await testWorkspace({
    "integration.yaml": "name: test\n",
    "package.json": '{ "type": "module" }',
    "migrations/Migration1.ts": `import { Migration } from "xcore/orm";
export class Migration1 extends Migration {
  override async up() { await this.getEntityManager().execute("create table sneaked (id int)"); }
}
`,
  });
  await using session = await openMigrations(await readConfig({ workspace: workspace.folder }), silentLogger);
  await assert.rejects(session.application.plan("up"), {
    code: "MIGRATION_FAILED",
    message: /Migration1.* cannot execute CREATE TABLE in a read-only transaction/s,
  });
});

test("drift is what a new migration would hold; after it there is none", async () => {
  await using workspace = await testWorkspace({
    "integration.yaml": "name: test\nmigrations: { entities: [entities.ts] }\n",
    "package.json": '{ "type": "module" }',
    "entities.ts": entity("email: p.string()"),
  });
  const config = await readConfig({ workspace: workspace.folder });
  await using session = await openMigrations(config, silentLogger);
  assert.match((await session.application.drift()).join("\n"), /^create table "users"/);
  await session.create(undefined, { name: "users", empty: false });
  await session.application.up();
  assert.deepEqual(await session.application.drift(), []);
  await session.database.pool.query("alter table users add column by_hand int");
  assert.deepEqual(await session.application.drift(), ['alter table "users" drop column "by_hand"']);
});
