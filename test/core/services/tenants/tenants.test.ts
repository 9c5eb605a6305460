// The registry of tenants on a real Postgres: what happens when things go wrong half way, or at the same time.
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { XcoreError } from "../../../../src/core/base/error.ts";
import { silentLogger } from "../../../../src/core/base/log.ts";
import { TenantStore } from "../../../../src/core/services/tenants/store.ts";
import { Tenants } from "../../../../src/core/services/tenants/tenants.ts";
import { testDatabase, until, type TestDatabase } from "../../../support/services.ts";

describe("the registry of tenants", () => {
  let database: TestDatabase;
  let tenants: Tenants;
  /** What the services were asked to do. */
  let asked: string[] = [];
  let removing: () => Promise<void> = () => Promise.resolve();

  const open = (): Promise<Tenants> =>
    Tenants.open({
      config: {
        from: { kind: "subdomain", of: "a.test" },
        isolation: "shared",
        quotas: { requests: undefined, jobs: 7, storageBytes: 1024 },
      },
      database: database.service,
      logger: silentLogger,
      remove: async (tenant) => {
        asked.push(`remove ${tenant}`);
        await removing();
      },
      pause: async (tenant, paused) => void asked.push(`${paused ? "pause" : "go on with"} ${tenant}`),
    });
  const nothing = (): Promise<void> => Promise.resolve();
  const codeOf = (name: string): string => {
    try {
      tenants.forCall(name).assertActive();
      return "active";
    } catch (error) {
      return (error as { code: string }).code;
    }
  };

  before(async () => {
    database = await testDatabase();
    tenants = await open();
  });
  beforeEach(() => {
    asked = [];
    removing = nothing;
  });
  after(async () => {
    await tenants?.[Symbol.asyncDispose]();
    await database?.[Symbol.asyncDispose]();
  });

  test("a tenant whose place can't be made ready is not there, and what was made is removed", async () => {
    const failing = tenants.create("half", {}, () => Promise.reject(new Error("no such migration")));
    await assert.rejects(failing, /no such migration/);
    assert.deepEqual(asked, ["remove half"]);
    assert.equal(codeOf("half"), "TENANT_UNKNOWN");
    await tenants.create("half", {}, nothing);
    assert.equal(codeOf("half"), "active");
  });

  test("of those who make the same tenant at the same time one does", async () => {
    const made = await Promise.allSettled(
      Array.from({ length: 5 }, () => tenants.create("once", {}, nothing)),
    );
    assert.equal(made.filter(({ status }) => status === "fulfilled").length, 1);
    for (const one of made) if (one.status === "rejected") assert.equal(one.reason.code, "TENANT_EXISTS");
    assert.deepEqual(asked, []);
  });

  test("a drop that fails half way refuses calls, and is done again", async () => {
    await tenants.create("stuck", {}, nothing);
    const held = tenants.forCall("stuck");
    removing = () => Promise.reject(new Error("the disk is on fire"));
    await assert.rejects(tenants.drop("stuck"), /on fire/);
    assert.throws(() => held.assertActive(), { code: "TENANT_UNKNOWN" });
    await assert.rejects(tenants.resume("stuck"), { code: "TENANT_UNKNOWN", hint: /tenant drop stuck/ });
    await assert.rejects(tenants.create("stuck", {}, nothing), { code: "TENANT_EXISTS" });
    removing = nothing;
    await tenants.drop("stuck");
    assert.deepEqual(asked, ["remove stuck", "remove stuck"]);
    await tenants.create("stuck", {}, nothing);
    assert.equal(codeOf("stuck"), "active");
    assert.throws(
      () => held.assertActive(),
      { code: "TENANT_UNKNOWN" },
      "who held the old one does not hold the new one",
    );
    assert.notEqual(tenants.forCall("stuck").serial, held.serial);
  });

  test("a suspended tenant is refused before its jobs rest, and goes on after they may", async () => {
    await tenants.create("late", {}, nothing);
    await tenants.suspend("late");
    assert.equal(codeOf("late"), "TENANT_SUSPENDED");
    await tenants.resume("late");
    assert.deepEqual(asked, ["pause late", "go on with late"]);
    assert.equal(codeOf("late"), "active");
  });

  test("what is set holds for who holds the tenant already; null lifts it, absent leaves it", async () => {
    await tenants.create("set", { plugins: ["notes"], quotas: { jobs: 2 } }, nothing);
    const held = tenants.forCall("set");
    assert.deepEqual([held.reaches("notes"), held.reaches("mailer"), held.maxJobs], [true, false, 2]);
    await tenants.set("set", { plugins: null, quotas: { requests: "1/1h" } });
    assert.deepEqual([held.reaches("mailer"), held.maxJobs], [true, 2]);
    held.admit();
    assert.throws(() => held.admit(), { code: "TENANT_QUOTA" });
    await tenants.set("set", { quotas: { requests: null, jobs: null } });
    held.admit();
    assert.equal(held.maxJobs, undefined);
    await tenants.create("standard", {}, nothing);
    assert.equal(tenants.forCall("standard").maxJobs, 7);
    assert.equal(tenants.forCall("standard").maxBytes, 1024);
    await tenants.set("standard", { quotas: { storage: "2kb" } });
    assert.equal(tenants.forCall("standard").maxBytes, 2048);
    for (const [quotas, hint] of [
      [{ requests: "many" }, /600\/1m/],
      [{ requests: "0/1s" }, /600\/1m/],
      [{ requests: "250" }, /250\/1m/],
      [{ requests: "250 per minute" }, /250\/1m/],
      [{ jobs: 0 }, /1000/],
      [{ jobs: 1.5 }, /1000/],
      [{ storage: "much" }, /1gb/],
      [{ storage: "2 gigs" }, /2gb/],
    ] as const) {
      const matches = (error: Error) =>
        error instanceof XcoreError && error.code === "INPUT_INVALID" && hint.test(error.hint ?? "");
      await assert.rejects(tenants.set("set", { quotas }), matches, JSON.stringify(quotas));
    }
  });

  test("another server hears of changes, also when the notification got lost", async () => {
    await using other = await open();
    const seen = (name: string): boolean => other.list().some(({ id }) => id === name);
    await tenants.create("heard", {}, nothing);
    await until(() => seen("heard"));
    // As if nobody had been told.
    await database.service.pool.query(
      "insert into xcore.tenants (name, state, quotas) values ('silent', 'active', '{}')",
    );
    await until(() => seen("silent"));
    await database.service.pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'xcore tenants'",
    );
    await tenants.drop("heard");
    await until(() => !seen("heard"));
  });

  test("what a server reads again is what it knew", async () => {
    await using other = await open();
    const status = (of: Tenants) => of.list().map((tenant) => tenant.status());
    await until(() => tenants.list().length === other.list().length);
    assert.deepEqual(
      status(other).map(({ name, state, plugins, quotas, createdAt }) => [
        name,
        state,
        plugins,
        quotas,
        createdAt,
      ]),
      status(tenants).map(({ name, state, plugins, quotas, createdAt }) => [
        name,
        state,
        plugins,
        quotas,
        createdAt,
      ]),
    );
    assert.deepEqual(
      (await new TenantStore(database.service.pool).known()).map(({ name }) => name),
      status(tenants).map(({ name }) => name),
    );
  });
});
