// The sessions behind a plugin's queries: what they prepare, how they are shared, and what happens when one is lost.
import assert from "node:assert/strict";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { embeddedPostgres } from "../../../../src/core/services/database/embedded-postgres.ts";
import type { DatabaseService } from "../../../../src/core/services/database/database.ts";
import { Guest } from "../../../conformance/database.ts";
import { identity, openProvider } from "../../../support/services.ts";

const same = (count: number, rows: unknown): unknown[] => Array.from({ length: count }, () => rows);

describe("a plugin with one connection", () => {
  let folder: string;
  let service: DatabaseService;
  let guest: Guest;
  before(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-db-")));
    const options = { pluginConnections: 1, maxRows: 100 };
    const opened = await openProvider(embeddedPostgres, { name: "database", folder, options });
    service = opened as DatabaseService;
    guest = new Guest(await service.forPlugin(identity("notes")));
  });
  after(async () => {
    await guest.facade[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  });

  /** The texts that are prepared in its session. */
  const prepared = async (): Promise<unknown[]> => {
    const { rows } = await guest.query("select statement from pg_prepared_statements order by prepare_time");
    return rows.map(({ statement }) => statement).filter((text) => !String(text).includes("pg_prepared"));
  };
  const times = async (count: number, text: string, params: readonly unknown[] = []): Promise<unknown[]> => {
    const answers: unknown[] = [];
    for (let round = 0; round < count; round += 1) answers.push((await guest.query(text, params)).rows);
    return answers;
  };
  /** As after a restart: another session. */
  const renew = async (): Promise<void> => {
    await service.pool.query(
      "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'xcore plugin notes'",
    );
    // The end of the old one may be noticed by this one only.
    await guest.query("select 1").catch(() => undefined);
  };

  test("a statement that comes again is prepared, and gives what it gave", async () => {
    const text = "select $1::int + 1 as sum, $2::text as word, null as nothing";
    assert.deepEqual(await times(1, text, [1, "a"]), [[{ sum: 2, word: "a", nothing: null }]]);
    assert.deepEqual(await prepared(), []);
    const again = [{ sum: 8, word: "b", nothing: null }];
    assert.deepEqual(await times(10, text, [7, "b"]), same(10, again));
    assert.deepEqual(await prepared(), [text]);
  });

  test("what changes the schema or the session is not prepared, nor what runs in a transaction", async () => {
    await renew();
    await times(3, "create table if not exists notes (id int primary key, title text)");
    await times(3, "set work_mem = '4MB'");
    const transaction = await guest.call("db.begin", {});
    for (const id of [1, 2, 3]) await guest.query("insert into notes values ($1)", [id], { transaction });
    await guest.call("db.end", { transaction, commit: true });
    assert.deepEqual(await prepared(), []);
  });

  test("a change of its columns is seen at once by a statement that was prepared before", async () => {
    const text = "select * from notes where id = $1";
    assert.deepEqual((await times(3, text, [1])).at(-1), [{ id: 1, title: null }]);
    await guest.query("alter table notes add column done bool not null default false");
    assert.deepEqual((await times(3, text, [1])).at(0), [{ id: 1, title: null, done: false }]);
    assert.deepEqual(await times(1, text, [2]), [[{ id: 2, title: null, done: false }]]);
    await guest.query("drop table notes");
    await assert.rejects(guest.query(text, [1]), { code: "DATABASE_ERROR", message: /does not exist/ });
    await guest.query("create table notes (id int primary key, title text)");
    await guest.query("insert into notes values (1, 'new')");
    assert.deepEqual(await times(3, text, [1]), same(3, [{ id: 1, title: "new" }]));
  });

  test("statements that fail, fail in the same way when they come again", async () => {
    for (let round = 0; round < 3; round += 1) {
      await assert.rejects(guest.query("select 1 / $1::int", [0]), { message: /division by zero/ });
      await assert.rejects(guest.query("select wrong from notes"), { message: /"wrong" does not exist/ });
      await assert.rejects(guest.query("insert into notes values ($1)", [1]), { message: /duplicate key/ });
    }
    assert.deepEqual((await guest.query("select 1 / $1::int as one", [1])).rows, [{ one: 1 }]);
    assert.equal((await guest.query("insert into notes values ($1)", [9])).rowCount, 1);
  });

  test("a prepared statement has the same caps, and has done nothing when it is over them", async () => {
    const series = "select generate_series(1, $1::int) as n";
    const insert = "insert into notes select generate_series(100, $1::int) returning id";
    assert.equal((await times(3, series, [100])).flat().length, 300);
    for (let round = 0; round < 3; round += 1) {
      await assert.rejects(guest.query(series, [101]), { code: "QUOTA_EXCEEDED" });
      await assert.rejects(guest.query(insert, [300]), { code: "QUOTA_EXCEEDED" });
    }
    assert.deepEqual(await times(1, "select count(*) from notes where id >= 100"), [[{ count: 0 }]]);
    assert.equal((await guest.query(insert, [102])).rowCount, 3);
    const large = "select repeat('x', $1::int) as text";
    assert.equal((await times(3, large, [10])).length, 3);
    await assert.rejects(guest.query(large, [20_000_000]), { code: "QUOTA_EXCEEDED" });
    assert.deepEqual(await times(1, large, [2]), [[{ text: "xx" }]]);
  });

  test("only the statements that were used last stay prepared", async () => {
    await renew();
    for (let n = 0; n < 70; n += 1) await times(2, `select ${n} as n`);
    const texts = await prepared();
    assert.ok(texts.length <= 51, `${texts.length} are prepared`);
    assert.equal(texts.at(-1), "select 69 as n");
  });

  test("a plugin that deallocates what is prepared does not notice, and nothing is prepared for it any more", async () => {
    await renew();
    const text = "select $1::int as n";
    await times(3, text, [1]);
    await guest.query("deallocate all");
    assert.deepEqual(await times(3, text, [2]), same(3, [{ n: 2 }]));
    assert.deepEqual(await prepared(), []);
  });

  test("a session that was lost while nobody used it is replaced", async () => {
    await times(3, "select 1 as one");
    await renew();
    assert.deepEqual(await times(1, "select 1 as one"), [[{ one: 1 }]]);
  });

  test("who waits for the connection gets it in turn, and who no longer waits is passed over", async () => {
    const order: string[] = [];
    const caller = new AbortController();
    const transaction = await guest.call("db.begin", {});
    const gone = guest.call("db.query", { text: "select 1" }, { signal: caller.signal });
    const first = guest.query("select 2").then(() => order.push("first"));
    const second = guest.query("select 3").then(() => order.push("second"));
    caller.abort();
    await assert.rejects(gone, { code: "CALL_CANCELLED" });
    await guest.call("db.end", { transaction, commit: true });
    await Promise.all([first, second]);
    assert.deepEqual(order, ["first", "second"]);
  });

  test("a service that closes lets the statement under way end, and refuses who still waits", async () => {
    const other = (await openProvider(embeddedPostgres, {
      name: "database",
      folder,
      options: { pluginConnections: 1 },
    })) as DatabaseService;
    const late = new Guest(await other.forPlugin(identity("late")));
    await late.query("select 1");
    const running = late.query("select pg_sleep(0.3) is null as n");
    const waiting = late.query("select 1");
    const refused = assert.rejects(waiting, { code: "SERVICE_UNAVAILABLE" });
    await other[Symbol.asyncDispose]();
    await refused;
    assert.equal((await running).rowCount, 1);
    await assert.rejects(late.query("select 1"), { code: "SERVICE_UNAVAILABLE" });
    await late.facade[Symbol.asyncDispose]();
  });
});
