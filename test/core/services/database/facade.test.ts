// What a plugin sees of the database on the embedded server and on one by URL.
import assert from "node:assert/strict";
import { test } from "node:test";
import { embeddedPostgres } from "../../../../src/core/services/database/embedded-postgres.ts";
import type { DatabaseService } from "../../../../src/core/services/database/database.ts";
import { databaseConformance, Guest } from "../../../conformance/database.ts";
import {
  identity,
  openProvider,
  testDatabase,
  testSystemDatabase,
  until,
} from "../../../support/services.ts";

databaseConformance("embedded", testDatabase);
databaseConformance("postgres", testSystemDatabase);

test("a plugin that raises its own statement timeout is ended by the watchdog", async () => {
  await using database = await testDatabase();
  const folder = database.service.connection.host.replace(/\/\.xcore\/.*$/, "");
  const options = { statementTimeout: "200ms" };
  await using service = (await openProvider(embeddedPostgres, {
    name: "database",
    folder,
    options,
  })) as DatabaseService;
  const guest = new Guest(await service.forPlugin(identity("stubborn")));
  await assert.rejects(guest.query("select pg_sleep(60)"), { message: /statement timeout|longer than/ });
  await guest.query("set statement_timeout = 0");
  await assert.rejects(guest.query("select pg_sleep(60)"), { message: /longer than/ });
  await assert.rejects(
    guest.query(
      "do $$ begin loop begin perform pg_sleep(60); exception when query_canceled then null; end; end loop; end $$",
    ),
    { message: /longer than/ },
  );
  assert.equal((await guest.query("select 1")).rowCount, 1);
  // The server needs a moment to end it.
  await until(async () => {
    const { rows } = await service.pool.query(
      "select from pg_stat_activity where query like 'do $$%' and state = 'active'",
    );
    return rows.length === 0;
  });
  await guest.facade[Symbol.asyncDispose]();
});
