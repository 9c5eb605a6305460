// A plugin's SQL migrations on a real database: up, down, faults, locks, crashes.
import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { pluginMigrations } from "../../../src/core/migrations/plugin-migrations.ts";
import type { MigrationTarget } from "../../../src/core/migrations/target.ts";
import { openProvider, testDatabase, type TestDatabase } from "../../support/services.ts";
import { embeddedPostgres } from "../../../src/core/services/database/embedded-postgres.ts";
import type { DatabaseService } from "../../../src/core/services/database/database.ts";

let database: TestDatabase;
let counter = 0;
const folders: string[] = [];
before(async () => {
  database = await testDatabase();
});
after(async () => {
  await database[Symbol.asyncDispose]();
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

interface Fixture {
  name: string;
  folder: string;
  target: MigrationTarget;
  write(files: Record<string, string>): Promise<void>;
  has(table: string): Promise<boolean>;
  states(): Promise<Record<string, string>>;
}

/** A plugin of its own for each test, on the one server. */
async function plugin(files: Record<string, string>): Promise<Fixture> {
  const name = `p${(counter += 1)}`;
  const folder = await mkdtemp(join(tmpdir(), "xcore-migrations-"));
  folders.push(folder);
  const write = async (more: Record<string, string>): Promise<void> => {
    for (const [file, text] of Object.entries(more)) await writeFile(join(folder, file), text);
  };
  await write(files);
  const target = pluginMigrations(database.service, { plugin: name, folder });
  return {
    name,
    folder,
    target,
    write,
    async has(table) {
      const { rows } = await database.service.pool.query<{ found: boolean }>(
        "select to_regclass($1) is not null as found",
        [`plugin_${name}.${table}`],
      );
      return rows[0]?.found === true;
    },
    async states() {
      return Object.fromEntries((await target.status()).map((one) => [one.name, one.state]));
    },
  };
}

const one = "-- migrate:up\ncreate table one (id int);\n-- migrate:down\ndrop table one;\n";
const two =
  "-- migrate:up\ncreate table two (id int);\n\ninsert into two values (2);\n-- migrate:down\ndrop table two;\n";

test("pending ones are applied in order, once, and undone in reverse", async () => {
  const { target, has, states } = await plugin({
    "0002_two.sql": two,
    "0001_one.sql": one,
    "10_ten.sql": "select 1",
  });
  assert.deepEqual(await target.up(), ["0001_one", "0002_two", "10_ten"]);
  assert.deepEqual(await target.up(), []);
  assert.ok((await has("one")) && (await has("two")));
  await assert.rejects(target.down(), { code: "MIGRATION_FAILED", message: /no '-- migrate:down' part/ });
  assert.deepEqual(Object.values(await states()), ["applied", "applied", "applied"]);
});

test("down undoes the last one, all after one, or all", async () => {
  const { target, has, states } = await plugin({ "0001_one.sql": one, "0002_two.sql": two });
  await target.up();
  assert.deepEqual(await target.down(), ["0002_two"]);
  assert.deepEqual(await states(), { "0001_one": "applied", "0002_two": "pending" });
  await target.up();
  await assert.rejects(target.down({ to: "0003" }), {
    code: "INPUT_INVALID",
    message: /no migration '0003' is applied/,
  });
  assert.deepEqual(await target.down({ to: "0001_one" }), ["0002_two"]);
  await target.up();
  assert.deepEqual(await target.down({ to: "0" }), ["0002_two", "0001_one"]);
  assert.equal(await has("one"), false);
  assert.deepEqual(await target.down(), []);
});

test("a failing one rolls back whole and names file, line, statement and what Postgres said", async () => {
  const broken =
    "-- migrate:up\ncreate table three (id int);\n\ninsert into three\n  values (1),\n    (wrong);\n";
  const { target, has, states, write, folder } = await plugin({
    "0001_one.sql": one,
    "0003_three.sql": broken,
  });
  await assert.rejects(target.up(), (error: Error & { code: string; details: Record<string, unknown> }) => {
    assert.equal(error.code, "MIGRATION_FAILED");
    assert.ok(error.message.includes(`${join(folder, "0003_three.sql")}:6: column "wrong" does not exist`));
    assert.ok(error.message.includes("in: insert into three values (1), (wrong)"));
    assert.equal(error.details["line"], 6);
    return true;
  });
  assert.equal(await has("three"), false);
  assert.deepEqual(await states(), { "0001_one": "applied", "0003_three": "pending" });
  await write({ "0003_three.sql": broken.replace("wrong", "2") });
  assert.deepEqual(await target.up(), ["0003_three"]);
});

test("a fault that shows only at the commit rolls back whole too", async () => {
  const late =
    "create table a (id int primary key);\ncreate table b (id int references a deferrable initially deferred);\ninsert into b values (1);";
  const { target, has, states } = await plugin({ "0001_late.sql": late });
  await assert.rejects(target.up(), { code: "MIGRATION_FAILED", message: /violates foreign key/ });
  assert.equal(await has("a"), false);
  assert.deepEqual(await states(), { "0001_late": "pending" });
});

test("an applied one whose text was changed or is gone stops everything; its down part may be mended", async () => {
  const { target, states, write, folder, has } = await plugin({ "0001_one.sql": one });
  await target.up();
  await write({ "0001_one.sql": `${one.replaceAll("\n", "\r\n")}-- mended\r\n` });
  assert.deepEqual(await target.up(), []);
  await write({ "0001_one.sql": one.replace("id int", "id bigint"), "0002_two.sql": two });
  await assert.rejects(target.up(), {
    code: "MIGRATION_CHANGED",
    message: /0001_one .* changed after it was applied/,
  });
  assert.deepEqual(await states(), { "0001_one": "changed", "0002_two": "pending" });
  assert.equal(await has("two"), false);
  await rm(join(folder, "0001_one.sql"));
  await assert.rejects(target.up(), { code: "MIGRATION_CHANGED", message: /its file is gone/ });
  await write({ "0001_one.sql": one.replace("id int", "id bigint") });
  assert.deepEqual(await target.down(), ["0001_one"]);
  assert.deepEqual(await target.up(), ["0001_one", "0002_two"]);
});

test("it runs as the plugin: other schemas are out of reach, and so is the ledger", async () => {
  for (const sql of [
    "create table public.mine (id int)",
    "create schema mine",
    "select * from xcore.plugins",
    "insert into xcore.migrations values ('x')",
    "set role xcore",
  ]) {
    const { target } = await plugin({ "0001_reach.sql": sql });
    await assert.rejects(target.up(), { code: "MIGRATION_FAILED", message: /permission denied/ }, sql);
  }
});

test("statements that would end the transaction are refused before anything is run", async () => {
  for (const word of ["commit", "rollback", "begin", "end", "start transaction", "abort"]) {
    const { target, has } = await plugin({ "0001_ends.sql": `create table early (id int);\n${word};\n` });
    await assert.rejects(target.up(), { message: /0001_ends\.sql:2: .* would end its transaction/ }, word);
    assert.equal(await has("early"), false);
  }
});

test("two at once: one waits, both are fine, it is applied once", async () => {
  const fixture = await plugin({
    "0001_slow.sql": "create table slow (id int);\nselect pg_sleep(0.3);",
    "0002_two.sql": two,
  });
  const folder = dirname(dirname(dirname(database.service.connection.host)));
  const second = (await openProvider(embeddedPostgres, { name: "database", folder })) as DatabaseService;
  try {
    const other = pluginMigrations(second, { plugin: fixture.name, folder: fixture.folder });
    const done = await Promise.all([fixture.target.up(), other.up()]);
    assert.deepEqual(done.flat().sort(), ["0001_slow", "0002_two"]);
  } finally {
    await second[Symbol.asyncDispose]();
  }
});

test("many plugins at once do not wait for each other's connections", async () => {
  const fixtures = await Promise.all(Array.from({ length: 20 }, () => plugin({ "0001_one.sql": one })));
  const done = await Promise.all(fixtures.map(({ target }) => target.up()));
  assert.ok(done.every((names) => names.length === 1));
});

test("after a crash between the two commits it is known how the migration ended", async () => {
  const { target, name, states } = await plugin({ "0001_one.sql": one, "0002_two.sql": two });
  await target.up();
  const { pool } = database.service;
  await pool.query("update xcore.migrations set state = 'applying' where plugin = $1", [name]);
  assert.deepEqual(await states(), { "0001_one": "applied", "0002_two": "applied" });
  assert.deepEqual(await target.up(), []);
  const client = await pool.connect();
  await client.query("begin");
  const { rows } = await client.query<{ xid: string }>("select pg_current_xact_id()::text as xid");
  await client.query("rollback");
  client.release();
  await pool.query(
    "update xcore.migrations set state = 'removing', xid = $2 where plugin = $1 and name = '0002_two'",
    [name, rows[0]?.xid],
  );
  assert.deepEqual(await states(), { "0001_one": "applied", "0002_two": "applied" });
  await pool.query("update xcore.migrations set state = 'applying' where plugin = $1 and name = '0002_two'", [
    name,
  ]);
  assert.deepEqual(await states(), { "0001_one": "applied", "0002_two": "pending" });
});

test("files that are none are told apart: no number, the same number, markers out of place", async () => {
  const faults: [Record<string, string>, RegExp][] = [
    [{ "create.sql": "select 1" }, /create\.sql: its name does not begin with a number/],
    [{ "1_a.sql": "select 1", "01_b.sql": "select 1" }, /the same number as/],
    [{ "1_a.sql": "select 1;\n-- migrate:up\nselect 2;" }, /SQL above its first/],
    [{ "1_a.sql": "-- migrate:up\nselect 2;\n-- migrate:up\n" }, /line 3 is a second/],
    [{ "1_a.sql": "-- migrate:down\nselect 2;\n" }, /has no '-- migrate:up' line/],
  ];
  for (const [files, message] of faults) {
    const { target } = await plugin(files);
    await assert.rejects(target.up(), { code: "MIGRATION_FAILED", message });
  }
  const { target } = await plugin({ "readme.md": "", ".0001_hidden.sql": "x" });
  assert.deepEqual(await target.status(), []);
});

test("an absent folder holds no migrations; creating one makes it and can be applied as it is", async () => {
  const { folder, name } = await plugin({});
  const target = pluginMigrations(database.service, {
    plugin: name,
    folder: join(folder, "deeper", "migrations"),
  });
  assert.deepEqual(await target.up(), []);
  const { file } = await target.create({ name: "Add tags", empty: true });
  assert.match(file ?? "", /\d{14}_add_tags\.sql$/);
  assert.match(await readFile(file ?? "", "utf8"), /^-- migrate:up\n[^]*-- migrate:down\n/);
  assert.equal((await target.up()).length, 1);
  await assert.rejects(target.create({ name: "../../etc", empty: true }), { code: "USAGE" });
  await mkdir(folder, { recursive: true });
  assert.equal((await readdir(join(folder, "deeper", "migrations"))).length, 1);
});
