// Dump, restore and reset on a real database: what comes back, what does not, and faults before anything is lost.
import assert from "node:assert/strict";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Config } from "../../../src/core/config/config.ts";
import { readConfig } from "../../../src/core/config/read.ts";
import { silentLogger } from "../../../src/core/base/log.ts";
import { dumpDatabase } from "../../../src/core/migrations/dump/dump.ts";
import { resetDatabase, restoreDatabase } from "../../../src/core/migrations/dump/restore.ts";
import { openMigrations, type MigrationSession } from "../../../src/core/migrations/session.ts";
import { testWorkspace, type TestWorkspace } from "../../support/workspace.ts";

const application = `import { Migration } from "xcore/orm";
export class Migration1 extends Migration {
  override up() {
    this.addSql("create type mood as enum ('fine', 'bad')");
    this.addSql("create table person (id int generated always as identity primary key, boss int references person, name text not null unique, mood mood default 'fine', upper_name text generated always as (upper(name)) stored)");
    this.addSql("create view fine_people as select * from person where mood = 'fine'");
    this.addSql("create materialized view people as select count(*)::int as n from person");
    this.addSql("create function shout() returns trigger language plpgsql as $$ begin new.name := new.name || '!'; return new; end $$");
    this.addSql("create trigger shouting before insert on person for each row execute function shout()");
    this.addSql("insert into person (name) values ('made by the migration')");
  }
}
`;
const later = `import { Migration } from "xcore/orm";
export class Migration2 extends Migration {
  override up() { this.addSql("alter table person add column renamed text"); this.addSql("update person set renamed = name"); }
}
`;
const plugin = {
  "plugins/files/plugin.yaml":
    'name: files\nversion: 1.0.0\nxcore: ">=0.1.0"\nentry: index.ts\npermissions: { database: true }\n',
  "plugins/files/index.ts": "",
  "plugins/files/migrations/0001_create.sql": `create table file (id bigserial primary key, body bytea, meta jsonb, tags text[], at timestamptz, odd "char", "We ird" text);
create table part (n int not null, file bigint not null references file deferrable) partition by range (n);
create table part_1 partition of part for values from (0) to (10);`,
};

describe("a dump", () => {
  let workspace: TestWorkspace;
  let config: Config;
  let session: MigrationSession;
  let file: string;

  before(async () => {
    workspace = await testWorkspace({
      "integration.yaml": "name: test\n",
      "package.json": '{ "type": "module" }',
      "migrations/Migration1.ts": application,
      ...plugin,
    });
    config = await readConfig({ workspace: workspace.folder });
    session = await openMigrations(config, silentLogger);
    file = join(workspace.folder, "backup.sql.gz");
    for (const target of session.all) await target.up();
    await sql(
      "insert into person (name, boss) select 'p' || i, case when i < 9 then 11 - i end from generate_series(1, 9) i",
    );
    await sql(
      `insert into plugin_files.file (body, meta, tags, at, odd, "We ird")
       values ('\\x00ff0a', '{"a": [1, null]}', '{"x,y", null}', '2026-01-02 03:04:05.123456+02', 'x', E'tab\\tline\\n\\\\.\\nend'), (null, null, null, 'infinity', null, '')`,
    );
    await sql("insert into plugin_files.part select i % 10, 1 + i % 2 from generate_series(1, 5000) i");
  });
  after(async () => {
    await session?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  const sql = async (text: string): Promise<Record<string, unknown>[]> => {
    const { rows } = await session.database.pool.query<Record<string, unknown>>(text);
    return rows;
  };
  /** Everything there is, as text. */
  const contents = (): Promise<Record<string, unknown>[]> =>
    sql(`select (select string_agg(p::text, E'\\n' order by id) from (select id, boss, name, mood, upper_name from person) p) as people,
      (select string_agg(f::text, E'\\n' order by id) from plugin_files.file f) as files,
      (select sum(n * 7 + file) from plugin_files.part) as parts`);
  const dump = (name = file, only?: string) =>
    dumpDatabase({ database: session.database, config, file: name, plugin: only });

  test("brings every row back as it was, in tables made anew", async () => {
    const before = await contents();
    const report = await dump();
    assert.deepEqual(
      report.targets.map(({ target, tables }) => [target, tables]),
      [
        ["application", 1],
        ["files", 2],
      ],
    );
    assert.equal((await stat(file)).mode & 0o777, 0o600);
    await sql("truncate plugin_files.file cascade; drop table person cascade; create table stray (id int)");
    await workspace.write("migrations/Migration2.ts", later);
    const restored = await restoreDatabase(session, { config, file });
    assert.deepEqual(restored.targets, ["application", "files"]);
    assert.equal(
      restored.rows,
      report.targets.reduce((sum, { rows }) => sum + rows, 0),
    );
    assert.deepEqual(await contents(), before);
    const [state] = await sql(
      `select to_regclass('stray') as stray, (select n from people) = count(*) as people, bool_and(renamed = name) as later from person`,
    );
    assert.deepEqual(state, { stray: null, people: true, later: true });
  });

  test("leaves sequences, references and triggers as they were", async () => {
    const [next] = await sql("insert into person (name) values ('next') returning id, name");
    assert.equal(next?.["name"], "next!");
    await assert.rejects(sql("insert into person (name, boss) values ('x', 4711)"), /violates foreign key/);
    await assert.rejects(sql("insert into plugin_files.part values (1, 99)"), /violates foreign key/);
    const [made] = await sql("insert into plugin_files.file (body) values ('') returning id");
    assert.equal(made?.["id"], "3");
    const [owner] = await sql("select tableowner from pg_tables where tablename = 'file'");
    assert.equal(owner?.["tableowner"], "plugin_files");
  });

  test("of one plugin touches nothing else", async () => {
    const own = join(workspace.folder, "files.sql");
    await dump(own, "files");
    assert.match(await readFile(own, "utf8"), /^-- xcore dump 1\n-- \{"project":"test"/);
    await sql("truncate plugin_files.file cascade");
    const people = await sql("select count(*) from person");
    await restoreDatabase(session, { config, file: own });
    assert.deepEqual(await sql("select count(*) from plugin_files.file"), [{ count: "3" }]);
    assert.deepEqual(await sql("select count(*) from person"), people);
    await assert.rejects(dump(own, "ghost"), { code: "PLUGIN_NOT_FOUND", hint: /files/ });
  });

  test("needs no superuser", async () => {
    await sql("create role shop login createrole");
    await sql("create database shop owner shop");
    const { host, port } = session.database.connection;
    await using other = await testWorkspace({
      "integration.yaml": `name: test\nservices:\n  database:\n    driver: postgres\n    url: "postgres://shop@localhost:${port}/shop?host=${host}"\n`,
      "package.json": '{ "type": "module" }',
      "migrations/Migration1.ts": application,
      ...plugin,
    });
    const theirs = await readConfig({ workspace: other.folder });
    await using shop = await openMigrations(theirs, silentLogger);
    const { rows } = await restoreDatabase(shop, { config: theirs, file });
    assert.ok(rows > 5000);
    const again = join(other.folder, "again.sql");
    const report = await dumpDatabase({
      database: shop.database,
      config: theirs,
      file: again,
      plugin: undefined,
    });
    assert.equal(
      report.targets.reduce((sum, one) => sum + one.rows, 0),
      rows,
    );
    assert.deepEqual(await resetDatabase(shop, { config: theirs, plugin: undefined }), [
      "application",
      "files",
    ]);
  });

  test("that is none, cut off or of other migrations is refused before anything is lost", async () => {
    const at = (name: string): string => join(workspace.folder, name);
    const text = gunzipSync(await readFile(file)).toString();
    await writeFile(at("none.sql"), "select 1;\n");
    await writeFile(at("cut.sql"), text.slice(0, -20));
    await writeFile(at("half.sql.gz"), (await readFile(file)).subarray(0, 500));
    await writeFile(at("other.sql"), text.replace(/"name":"0001_create"/, '"name":"0002_gone"'));
    await writeFile(at("stranger.sql"), text.replaceAll('"target":"files"', '"target":"ghost"'));
    const before = await contents();
    const restore = (name: string) => restoreDatabase(session, { config, file: at(name) });
    await assert.rejects(restore("none.sql"), { code: "INPUT_INVALID", message: /no dump of this xcore/ });
    await assert.rejects(restore("cut.sql"), { code: "INPUT_INVALID", message: /cut off/ });
    await assert.rejects(restore("half.sql.gz"), { code: "INPUT_INVALID", message: /can't be read|cut off/ });
    await assert.rejects(restore("missing.sql"), { code: "INPUT_INVALID", message: /can't be read/ });
    await assert.rejects(restore("other.sql"), { code: "MIGRATION_CHANGED", message: /0002_gone/ });
    await assert.rejects(restore("stranger.sql"), { code: "PLUGIN_NOT_FOUND" });
    assert.deepEqual(await contents(), before);
  });

  test("a reset leaves what migrations make, and nothing of what was there", async () => {
    await sql("create table stray (id int); create type leftover as (a int); create domain d as text");
    assert.deepEqual(await resetDatabase(session, { config, plugin: "files" }), ["files"]);
    assert.deepEqual(await sql("select * from plugin_files.file"), []);
    assert.notDeepEqual(await sql("select * from person where name like 'p%'"), []);
    assert.deepEqual(await resetDatabase(session, { config, plugin: undefined }), ["application", "files"]);
    assert.deepEqual(await sql("select name from person"), [{ name: "made by the migration!" }]);
    const [gone] = await sql("select to_regclass('stray') as stray, to_regtype('leftover') as leftover");
    assert.deepEqual(gone, { stray: null, leftover: null });
  });
});
