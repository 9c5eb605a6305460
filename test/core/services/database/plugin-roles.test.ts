// A plugin's role and schema: what it may do, and everything it may not.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client } from "pg";
import type { DatabaseService } from "../../../../src/core/services/database/database.ts";
import { postgres } from "../../../../src/core/services/database/postgres.ts";
import {
  openProvider,
  testDatabase,
  testSystemDatabase,
  type TestDatabase,
} from "../../../support/services.ts";

async function as(service: DatabaseService, plugin: string): Promise<Client & AsyncDisposable> {
  const client = new Client({ ...(await service.connectionOf(plugin)) });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

/** The statement, and the state it is refused with. */
const refused: Record<string, [sql: string, sqlstate: string]> = {
  "another plugin's table": ["select * from plugin_other.secrets", "42501"],
  "writing to another plugin's table": ["insert into plugin_other.secrets values ('x')", "42501"],
  "a table of the application": ["select * from public.accounts", "42501"],
  "the core's table of passwords": ["select * from xcore.plugins", "42501"],
  "the core's ledger of migrations": ["delete from xcore.migrations", "42501"],
  "the core's locks": ["select from xcore.locks for update", "42501"],
  "a table in public": ["create table public.mine (id int)", "42501"],
  "a schema of its own choice": ["create schema mine", "42501"],
  "a role": ["create role mine", "42501"],
  "more rights for itself": ["alter role current_user createrole", "42501"],
  "more connections for itself": ["alter role current_user connection limit 1000", "42501"],
  "the core's role": ["set role xcore", "42501"],
  "another plugin's role": ["set role plugin_other", "42501"],
  "another session's identity": ["set session authorization xcore", "42501"],
  "a program on the host": ["copy (select 1) to program 'id'", "42501"],
  "a file on the host, written": ["copy (select 1) to '/tmp/x'", "42501"],
  "a file on the host, read": ["select pg_read_file('/etc/passwd')", "42501"],
  "a file on the host, as a large object": ["select lo_import('/etc/passwd')", "42501"],
  "a folder on the host": ["select pg_ls_dir('/')", "42501"],
  "the server's settings": ["alter system set fsync = off", "42501"],
  "a setting of superusers": ["set log_min_messages = debug5", "42501"],
  "more temporary files": ["set temp_file_limit = -1", "42501"],
  "an extension": ["create extension pg_stat_statements", "42501"],
  "a database": ["create database mine", "42501"],
  "another's session": [
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'xcore' and pid <> pg_backend_pid() limit 1",
    "42501",
  ],
};

for (const [driver, open] of Object.entries({ embedded: testDatabase, postgres: testSystemDatabase })) {
  describe(`a plugin's role on driver ${driver}`, () => {
    let database: TestDatabase;
    let service: DatabaseService;
    before(async () => {
      database = await open();
      service = database.service;
      await service.provision("mine");
      await service.provision("other");
      await service.pool.query("create table public.accounts (id int)");
      await using other = await as(service, "other");
      await other.query("create table secrets (value text)");
    });
    after(() => database[Symbol.asyncDispose]());

    for (const [what, [sql, state]] of Object.entries(refused)) {
      test(`is refused ${what}`, async () => {
        await using client = await as(service, "mine");
        await assert.rejects(client.query(sql), { code: state });
      });
    }

    test("owns its schema, finds it without naming it, and does there what it likes", async () => {
      await using client = await as(service, "mine");
      await client.query("create table things (id int)");
      await client.query("create function add(a int, b int) returns int language sql return a + b");
      await client.query("create view sums as select add(id, 1) from plugin_mine.things");
      const { rows } = await client.query("select current_schema() as schema, session_user as role");
      assert.deepEqual(rows, [{ schema: "plugin_mine", role: "plugin_mine" }]);
    });

    test("stays itself after reset role", async () => {
      await using client = await as(service, "mine");
      await client.query("reset role");
      const { rows } = await client.query("select current_user as name");
      assert.deepEqual(rows, [{ name: "plugin_mine" }]);
    });

    test("has its limits set by the server", async () => {
      await using client = await as(service, "mine");
      const { rows } = await client.query(
        `select current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
           current_setting('idle_in_transaction_session_timeout') as idle, current_setting('temp_file_limit') as files,
           (select rolconnlimit from pg_roles where rolname = current_user) as connections,
           (select rolinherit from pg_roles where rolname = current_user) as inherit`,
      );
      assert.deepEqual(rows, [
        { statement: "5s", lock: "2s", idle: "30s", files: "256MB", connections: 64, inherit: false },
      ]);
    });

    test("is provisioned once by many at the same time", async () => {
      const names = await Promise.all(Array.from({ length: 8 }, () => service.provision("at-once")));
      assert.deepEqual([...new Set(names)], ["plugin_at_once"]);
      assert.equal(await service.hasPlugin("at-once"), true);
      await using client = await as(service, "at-once");
      await client.query("create table ok (id int)");
    });

    test("is gone with all its data when the plugin is removed, and can come again", async () => {
      await service.provision("leaving");
      await using client = await as(service, "leaving");
      client.on("error", () => undefined);
      await client.query("create table things (id int)");
      await client.query("select lo_create(0)");
      await service.removePlugin("leaving");
      assert.equal(await service.hasPlugin("leaving"), false);
      const { rowCount } = await service.pool.query("select from pg_roles where rolname = 'plugin_leaving'");
      assert.equal(rowCount, 0);
      await service.removePlugin("leaving");
      await service.provision("leaving");
      await using again = await as(service, "leaving");
      await assert.rejects(again.query("select from things"), { code: "42P01" });
    });

    test("a role that is there already and is not ours is never taken over", async () => {
      await service.pool.query("create role plugin_taken superuser");
      await service.provision("taken");
      await using client = await as(service, "taken");
      const { rows } = await client.query(
        "select rolsuper, rolname = 'plugin_taken' as same from pg_roles where rolname = current_user",
      );
      assert.deepEqual(rows, [{ rolsuper: false, same: false }]);
      await service.pool.query("drop role plugin_taken");
    });

    test("what is no plugin's name is refused before it gets near SQL", async () => {
      await assert.rejects(service.provision('x"; drop schema public; --'), { code: "INPUT_INVALID" });
    });
  });
}

describe("a core whose database user is no superuser", () => {
  let database: TestDatabase;
  before(async () => {
    database = await testSystemDatabase();
    await database.service.pool.query("create role owner login createrole");
    await database.service.pool.query("create database shop owner owner");
    await database.service.pool.query("create database other owner owner");
    await database.service.pool.query("create role weak login");
  });
  after(() => database[Symbol.asyncDispose]());

  const open = (user: string, name: string): Promise<DatabaseService> => {
    const { host, port } = database.service.connection;
    const options = { url: `postgres://${user}@${host}:${port}/${name}` };
    return openProvider(postgres, { name: "database", options }) as Promise<DatabaseService>;
  };

  test("provisions, uses and removes plugins with createrole alone", async () => {
    await using service = await open("owner", "shop");
    await service.provision("notes");
    {
      await using client = await as(service, "notes");
      await client.query("create table things (id int)");
      await assert.rejects(client.query("select from xcore.plugins"), { code: "42501" });
    }
    await service.removePlugin("notes");
    assert.equal(await service.hasPlugin("notes"), false);
  });

  test("without enough rights says which statement would give them", async () => {
    await assert.rejects(open("weak", "other"), {
      code: "SERVICE_FAILED",
      hint: /alter database|alter role/,
    });
  });

  test("names what can't be reached, and never the password", async () => {
    const options = { url: "postgres://nobody:hunter2@127.0.0.1:1/shop" };
    await assert.rejects(
      openProvider(postgres, { name: "database", options }),
      (error: Error & { code: string }) => {
        assert.equal(error.code, "SERVICE_UNAVAILABLE");
        assert.match(error.message, /127\.0\.0\.1:1, database 'shop', user 'nobody'/);
        assert.doesNotMatch(JSON.stringify(error) + error.message, /hunter2/);
        return true;
      },
    );
    await assert.rejects(open("owner", "nowhere"), { hint: "Create it: create database nowhere" });
  });
});
