// What a plugin sees of the database, whatever is behind it: values, caps, transactions, cancellation.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Json } from "../../src/wire/json.ts";
import type { DatabaseService } from "../../src/core/services/database/database.ts";
import type { Facade } from "../../src/core/services/service.ts";
import { identity, until, type TestDatabase } from "../support/services.ts";

interface Reply {
  rows: Record<string, Json>[];
  rowCount: number;
}

/** A plugin that calls the database. */
export class Guest {
  readonly facade: Facade;

  constructor(facade: Facade) {
    this.facade = facade;
  }

  async query(text: string, params: readonly unknown[] = [], more: object = {}): Promise<Reply> {
    return (await this.call("db.query", { text, params, ...more })) as unknown as Reply;
  }

  call(
    name: "db.query" | "db.begin" | "db.end",
    args: unknown,
    { timeoutMs = 30_000, signal = new AbortController().signal } = {},
  ): Promise<Json> {
    const handler = this.facade.calls[name];
    assert.ok(handler);
    return handler(args, { timeoutMs, signal });
  }
}

export function databaseConformance(driver: string, open: () => Promise<TestDatabase>): void {
  describe(`a plugin's database on driver ${driver}`, () => {
    let database: TestDatabase;
    let service: DatabaseService;
    let guest: Guest;
    /** One transaction at a time, of everybody together: who wants another one waits. */
    const single = driver === "pglite";
    /** Whether nobody has it locked; a statement waits for that two seconds at most. */
    const heldIsFree = (): Promise<boolean> =>
      guest.query("select from held").then(
        ({ rowCount }) => rowCount === 0,
        () => false,
      );
    before(async () => {
      database = await open();
      service = database.service;
      guest = new Guest(await service.forPlugin(identity("notes")));
    });
    after(async () => {
      await guest.facade[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    });

    test("values keep what JSON can hold, and stay exact text where it can't", async () => {
      const { rows } = await guest.query(
        `select true as yes, 7 as small, 9007199254740991::bigint as safe, 9007199254740993::bigint as big,
           1.10::numeric as price, 'NaN'::float8 as nan, timestamptz '2026-01-02 03:04:05.123456+00' as at,
           timestamp '2026-01-02 03:04:05' as local, date '2026-01-02' as day, '\\x00ff'::bytea as bytes,
           '{"a":[1,null]}'::jsonb as json, array['a','b "c"',null] as texts, array[1,2]::bigint[] as numbers, null as nothing`,
      );
      assert.deepEqual(rows, [
        {
          yes: true,
          small: 7,
          safe: 9007199254740991,
          big: "9007199254740993",
          price: "1.10",
          nan: "NaN",
          at: rows[0]?.["at"],
          local: "2026-01-02T03:04:05",
          day: "2026-01-02",
          bytes: "\\x00ff",
          json: { a: [1, null] },
          texts: ["a", 'b "c"', null],
          numbers: [1, 2],
          nothing: null,
        },
      ]);
      const at = String(rows[0]?.["at"]);
      assert.match(at, /^2026-01-0\dT\d\d:04:05\.123456(Z|[+-]\d\d:\d\d)$/);
      assert.equal(new Date(at).toISOString(), "2026-01-02T03:04:05.123Z");
    });

    test("parameters go in as what their place asks for", async () => {
      const params = ["it's", 5, null, ["x", 'y"z', null], { deep: ["☃"] }, "2026-01-02T03:04:05Z", true];
      const { rows } = await guest.query(
        `select $1::text as a, $2::int as b, $3::int as c, $4::text[] as d, $5::jsonb as e,
           $6::timestamptz = timestamptz '2026-01-02 03:04:05+00' as f, $7::bool as g`,
        params,
      );
      assert.deepEqual(rows, [
        { a: "it's", b: 5, c: null, d: ["x", 'y"z', null], e: { deep: ["☃"] }, f: true, g: true },
      ]);
    });

    test("a fault names Postgres' words, state and place, and nothing of the host", async () => {
      await assert.rejects(
        guest.query("select 1 +"),
        (error: { code: string; message: string; details: object }) => {
          assert.equal(error.code, "DATABASE_ERROR");
          assert.match(error.message, /^plugin 'notes': syntax error/);
          assert.deepEqual(error.details, { sqlstate: "42601", position: 11 });
          return true;
        },
      );
      await assert.rejects(guest.query("select 1; select 2"), { code: "DATABASE_ERROR" });
      await assert.rejects(guest.query(""), { code: "INPUT_INVALID" });
      await assert.rejects(guest.query("select $1", [undefined]), { code: "INPUT_INVALID" });
      await assert.rejects(guest.call("db.query", null), { code: "INPUT_INVALID" });
      await assert.rejects(guest.call("db.query", { text: "select 1", params: 7 }), {
        code: "INPUT_INVALID",
      });
      assert.equal((await guest.query("select 1")).rowCount, 1);
    });

    test("a result with too many rows or bytes is an error, and its statement did nothing", async () => {
      await guest.query("create table many (id int)");
      await assert.rejects(guest.query("select generate_series(1, 10001)"), {
        code: "QUOTA_EXCEEDED",
        message: /more than 10000 rows/,
      });
      assert.equal((await guest.query("select generate_series(1, 10000)")).rows.length, 10_000);
      await assert.rejects(guest.query("insert into many select generate_series(1, 10001) returning id"), {
        code: "QUOTA_EXCEEDED",
      });
      assert.deepEqual((await guest.query("select count(*) from many")).rows, [{ count: 0 }]);
      assert.equal((await guest.query("insert into many select generate_series(1, 20000)")).rowCount, 20_000);
      await assert.rejects(guest.query("select repeat('x', 20000000)"), {
        code: "QUOTA_EXCEEDED",
        message: /larger than 8388608 bytes/,
      });
      assert.equal((await guest.query("select 1")).rowCount, 1);
    });

    test("copy in and out are no way round the caps", async () => {
      await assert.rejects(guest.query("copy many from stdin"), { code: "DATABASE_ERROR" });
      const out = guest.query("copy (select 1) to stdout");
      if (single) await assert.rejects(out, { message: /COPY is not available/ });
      else assert.deepEqual((await out).rows, []);
      assert.equal((await guest.query("select 1")).rowCount, 1);
    });

    test(
      "a statement is cancelled when its call's time is over or its caller goes",
      { skip: single && "PGlite runs a statement in this very thread: nobody can cancel it" },
      async () => {
        await assert.rejects(guest.call("db.query", { text: "select pg_sleep(60)" }, { timeoutMs: 100 }), {
          code: "DATABASE_ERROR",
          message: /longer than 100 ms/,
        });
        const caller = new AbortController();
        const running = guest.call("db.query", { text: "select pg_sleep(60)" }, { signal: caller.signal });
        setTimeout(() => caller.abort(), 50);
        await assert.rejects(running, { code: "CALL_CANCELLED" });
        assert.equal((await guest.query("select 1")).rowCount, 1);
      },
    );

    test("transactions commit, roll back, and are not seen outside before", async () => {
      await guest.query("create table steps (id int)");
      const first = await guest.call("db.begin", {});
      await guest.query("insert into steps values (1)", [], { transaction: first });
      if (!single) assert.equal((await guest.query("select from steps")).rowCount, 0);
      await guest.call("db.end", { transaction: first, commit: true });
      const second = await guest.call("db.begin", { isolation: "serializable" });
      await guest.query("insert into steps values (2)", [], { transaction: second });
      await guest.call("db.end", { transaction: second, commit: false });
      assert.deepEqual((await guest.query("select id from steps")).rows, [{ id: 1 }]);
      await assert.rejects(guest.call("db.begin", { isolation: "chaos" }), { code: "INPUT_INVALID" });
      await assert.rejects(guest.call("db.end", { transaction: second, commit: true }), {
        code: "DATABASE_ERROR",
      });
    });

    test("a commit after a failed statement says that it was a rollback", async () => {
      const transaction = await guest.call("db.begin", {});
      await assert.rejects(guest.query("select 1/0", [], { transaction }), { code: "DATABASE_ERROR" });
      await assert.rejects(guest.call("db.end", { transaction, commit: true }), {
        message: /was rolled back/,
      });
    });

    test("a transaction left open is rolled back at its deadline, and holds nobody up", async () => {
      await guest.query("create table held (id int)");
      const transaction = await guest.call("db.begin", {}, { timeoutMs: 3000 });
      await guest.query("lock table held in access exclusive mode", [], { transaction });
      await until(heldIsFree);
      await assert.rejects(guest.query("select 1", [], { transaction }), {
        message: /open longer than 3 s/,
      });
    });

    test("a transaction whose caller goes is rolled back", async () => {
      const caller = new AbortController();
      const transaction = await guest.call("db.begin", {}, { signal: caller.signal });
      await guest.query("lock table held in access exclusive mode", [], { transaction });
      caller.abort();
      await until(heldIsFree);
    });

    test("a plugin may hold a few transactions, and never all of its connections", async () => {
      const begun = [1, 2, 3].map(() => guest.call("db.begin", {}));
      await (single ? Promise.race(begun) : Promise.all(begun));
      await assert.rejects(guest.call("db.begin", {}), { code: "QUOTA_EXCEEDED" });
      if (!single) assert.equal((await guest.query("select 1")).rowCount, 1);
      await Promise.all(
        begun.map(async (one) => guest.call("db.end", { transaction: await one, commit: true })),
      );
      const again = await guest.call("db.begin", {});
      await guest.call("db.end", { transaction: again, commit: true });
    });

    test("begin and commit as plain statements are refused or end the transaction they are in", async () => {
      await assert.rejects(guest.query("begin"), { message: /left a transaction open/ });
      const transaction = await guest.call("db.begin", {});
      await guest.query("commit", [], { transaction });
      await assert.rejects(guest.query("select 1", [], { transaction }), { message: /ended it/ });
    });

    test("a revision that goes takes its open transactions with it, and leaves the other revision's alone", async () => {
      const other = new Guest(await service.forPlugin(identity("notes")));
      const theirs = await other.call("db.begin", {});
      await other.query("lock table held in access exclusive mode", [], { transaction: theirs });
      await other.facade[Symbol.asyncDispose]();
      await until(heldIsFree);
    });

    test("many queries at once all get their own answer", async () => {
      const replies = await Promise.all(
        Array.from({ length: 80 }, (_, n) => guest.query("select $1::int as n", [n])),
      );
      assert.deepEqual(
        replies.map(({ rows }) => rows[0]?.["n"]),
        Array.from({ length: 80 }, (_, n) => n),
      );
    });

    test("the check tells that the server answers", async () => {
      const { ok, detail } = await service.check(60_000);
      assert.equal(ok, true);
      assert.match(detail, /^Postgres \d+/);
    });
  });
}
