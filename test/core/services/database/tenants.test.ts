// What a plugin keeps for tenants in the database: a schema and a role for each, connections for those at work.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Client } from "pg";
import type { CallTenant } from "../../../../src/core/base/tenant.ts";
import type { DatabaseService } from "../../../../src/core/services/database/database.ts";
import { embeddedPostgres } from "../../../../src/core/services/database/embedded-postgres.ts";
import { schemaOf } from "../../../../src/core/services/database/plugin-roles.ts";
import type { Facade } from "../../../../src/core/services/service.ts";
import { hostCall, identity, openProvider, testTenant, until } from "../../../support/services.ts";
import { testWorkspace, type TestWorkspace } from "../../../support/workspace.ts";

const long = (letter: string): string => letter.repeat(40);

test("no two plugins and tenants have one schema, and none is too long for a role of its name and more", () => {
  const owners = ["a-b", "a-b@c", "a@b-c", "a@b", "b@a", "c@a-b", "a-c@b"];
  for (const tenant of [long("t"), `${long("t").slice(1)}u`, "t"]) {
    for (const plugin of [long("p"), `${long("p").slice(1)}q`, "p"]) owners.push(`${plugin}@${tenant}`);
  }
  const schemas = owners.map(schemaOf);
  assert.equal(new Set(schemas).size, owners.length);
  for (const schema of schemas) assert.ok(schema.length <= 54 && /^[a-z0-9_]+$/.test(schema), schema);
  assert.equal(schemaOf("my-notes@my-co"), "tenant_my_co__my_notes");
  for (const owner of ["a@", "@b", "a@b@c", "a@B", "a@b'", "a@b c"])
    assert.throws(() => schemaOf(owner), { code: "INPUT_INVALID" }, owner);
});

describe("tenants in the database", () => {
  let workspace: TestWorkspace;
  let service: DatabaseService;
  let notes: Facade;
  before(async () => {
    workspace = await testWorkspace();
    service = (await openProvider(embeddedPostgres, {
      name: "database",
      folder: workspace.folder,
      options: { tenantConnections: 8 },
    })) as DatabaseService;
    notes = await service.forPlugin(identity("notes", { database: true }));
  });
  after(async () => {
    await notes?.[Symbol.asyncDispose]();
    await service?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  const run = async (
    tenant: CallTenant | undefined,
    text: string,
    transaction?: number,
  ): Promise<unknown[]> => {
    const args = { text, params: [], ...(transaction === undefined ? {} : { transaction }) };
    return ((await hostCall(notes, "db.query", args, { tenant })) as { rows: unknown[] }).rows;
  };
  const begin = async (tenant: CallTenant): Promise<number> =>
    (await hostCall(notes, "db.begin", {}, { tenant })) as number;
  const schemas = async (): Promise<string[]> => {
    const { rows } = await service.pool.query<{ name: string }>(
      "select nspname as name from pg_namespace where nspname ~ '^(plugin|tenant)_' order by 1",
    );
    return rows.map(({ name }) => name);
  };

  test("a role reaches its own schema and neither the plugin's, nor another tenant's, nor another plugin's", async () => {
    for (const owner of ["notes@acme", "notes@beta", "mailer@acme"]) {
      await using client = await connected(owner);
      await client.query("create table kept (id int)");
    }
    await using acme = await connected("notes@acme");
    await acme.query("select * from kept");
    for (const schema of ["tenant_beta__notes", "tenant_acme__mailer"]) {
      await assert.rejects(acme.query(`select * from ${schema}.kept`), { code: "42501" });
      await assert.rejects(acme.query(`create table ${schema}.mine (id int)`), { code: "42501" });
      await assert.rejects(acme.query(`set role ${schema}`), { code: "42501" });
    }
    await assert.rejects(acme.query("create table plugin_notes.mine (id int)"), { code: "42501" });
    await using own = await connected("notes");
    await assert.rejects(own.query("select * from tenant_acme__notes.kept"), { code: "42501" });
  });

  test("the transaction of one tenant's call is out of reach in another's", async () => {
    const [acme, beta] = [testTenant("acme"), testTenant("beta", { serial: 2 })];
    const id = await begin(acme);
    await run(acme, "insert into kept values (1)", id);
    await assert.rejects(run(beta, "select * from kept", id), {
      code: "DATABASE_ERROR",
      message: /none of this number/,
    });
    await assert.rejects(run(undefined, "select 1", id), { code: "DATABASE_ERROR" });
    await assert.rejects(hostCall(notes, "db.end", { transaction: id, commit: true }, { tenant: beta }));
    await hostCall(notes, "db.end", { transaction: id, commit: true }, { tenant: acme });
    assert.deepEqual(await run(acme, "select id from kept"), [{ id: 1 }]);
    assert.deepEqual(await run(beta, "select id from kept"), []);
  });

  test("more tenants than connections take turns", async () => {
    const tenants = Array.from({ length: 12 }, (_, at) => testTenant(`many-${at}`, { serial: 100 + at }));
    const found = await Promise.all(
      [...tenants, ...tenants].map((tenant) => run(tenant, "select current_schema() as schema")),
    );
    const expected = [...tenants, ...tenants].map(({ id }) => [{ schema: schemaOf(`notes@${id}`) }]);
    assert.deepEqual(found, expected);
    // Those that were closed are gone a moment later.
    await until(async () => {
      const { rows } = await service.pool.query(
        String.raw`select from pg_stat_activity where usename like 'tenant\_%'`,
      );
      return rows.length <= 8;
    });
  });

  test("one that waits with a transaction open keeps its connection, and the others go on", async () => {
    const [slow, one, two] = ["slow", "one", "two"].map((id, at) => testTenant(id, { serial: 200 + at })) as [
      CallTenant,
      CallTenant,
      CallTenant,
    ];
    const id = await begin(slow);
    for (const tenant of [one, two, one, two]) await run(tenant, "select 1");
    assert.deepEqual(await run(slow, "select 1 as still", id), [{ still: 1 }]);
    await hostCall(notes, "db.end", { transaction: id, commit: true }, { tenant: slow });
  });

  test("a tenant whose place is used up can read and delete, and by no way write", async () => {
    const roomy = testTenant("full", { serial: 300, maxBytes: 1024 ** 3 });
    await run(roomy, "create table things (what text)");
    await run(
      roomy,
      "create function sneak() returns int language sql as 'insert into things values (1) returning 1'",
    );
    await run(roomy, "insert into things select repeat('x', 100) from generate_series(1, 200)");
    const full = testTenant("full", { serial: 301, maxBytes: 8192 });
    const refused = { code: "TENANT_QUOTA", message: /tenant 'full' has used up its 8 KB/ };
    for (const text of [
      "insert into things values ('y')",
      "with more as (insert into things values ('y') returning what) select * from more",
      "select sneak()",
      "create table further (id int)",
      "update things set what = 'z'",
    ]) {
      await assert.rejects(run(full, text), refused, text);
    }
    await assert.rejects(run(full, "set transaction read write"), { code: "DATABASE_ERROR" });
    assert.deepEqual(await run(full, "select count(*)::int as count from things"), [{ count: 200 }]);
    const id = await begin(full);
    await assert.rejects(run(full, "insert into things values ('y')", id), refused);
    await hostCall(notes, "db.end", { transaction: id, commit: false }, { tenant: full });
    await run(full, "delete from things where what like 'x%'");
    assert.deepEqual(await run(full, "select count(*)::int as count from things"), [{ count: 0 }]);
  });

  test("a tenant is removed from every plugin, a plugin from every tenant", async () => {
    await run(testTenant("acme"), "select 1");
    await service.removeTenant?.("acme");
    const left = await schemas();
    assert.ok(!left.some((name) => name.startsWith("tenant_acme__")), left.join());
    assert.ok(left.includes("tenant_beta__notes"));
    await service.removePlugin("notes");
    assert.deepEqual(
      (await schemas()).filter((name) => name.endsWith("notes")),
      [],
    );
    const { rows } = await service.pool.query("select rolname from pg_roles where rolname like '%notes'");
    assert.deepEqual(rows, []);
  });

  async function connected(owner: string): Promise<Client & AsyncDisposable> {
    const client = new Client(await service.connectionOf(owner));
    await client.connect();
    return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
  }
});
