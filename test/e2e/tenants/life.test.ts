// Two customers of one server with the same plugins: nothing of one is seen by the other, from creation to drop.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { silentLogger } from "../../../src/core/base/log.ts";
import { readConfig } from "../../../src/core/config/read.ts";
import { openMigrations } from "../../../src/core/migrations/session.ts";
import { tenantServer, type TenantServer } from "../../support/tenants.ts";
import { pluginFiles, until } from "../../support/workspace.ts";

const probe = pluginFiles(
  "probe",
  `
  let kept;
  export default definePlugin({
    async start({ db }) { kept = (await db.sql\`select current_schema() as schema\`)[0].schema; },
    routes: {
      "GET /started": () => ({ kept }),
      "POST /sql": async (request, { db }) => {
        const { text } = await request.json();
        try { return { rows: (await db.query(text)).rows }; } catch (error) { return { code: error.code, message: error.message }; }
      },
      "GET /cache": async (request, { cache }) => ({ value: (await cache.get("k")) ?? null }),
      "PUT /cache/:value": async (request, { cache, params }) => { await cache.set("k", params.value, { tags: ["t"] }); },
      "DELETE /cache": async (request, { cache }) => { await cache.deleteByTag("t"); },
      "GET /making/:name": (request, { cache, params }) =>
        cache.getOrSet("made", async () => {
          await new Promise((resolve) => setTimeout(resolve, 300));
          return { by: params.name };
        }),
      "POST /later/:name": async (request, { jobs, params }) => jobs.enqueue("note", params.name),
      "POST /many": async (request, { jobs }) => {
        for (let number = 0; number < 3; number += 1) await jobs.enqueue("note", number, { delayMs: 3_600_000 });
      },
      "POST /shout/:name": async (request, { events, params }) => { await events.publish("probe.shout", params.name); },
      "GET /heard": (request, { db }) => db.sql\`select what, who from heard order by what\`,
      "GET /asked": async (request, { call }) => ({ schema: await call("other.schema", null) }),
      "GET /log": (request, { log }) => { log.info("written by the plugin"); },
      "POST /after": async (request, { db }) => {
        setTimeout(() => db.sql\`insert into heard values ('after', 'answer')\`.catch((error) => console.error(error.code)), 50);
      },
    },
    jobs: { note: { run: async (data, { db }) => { await db.sql\`insert into heard values ('job', \${String(data)})\`; } } },
    events: { "probe.shout": async (event, { db }) => { await db.sql\`insert into heard values ('event', \${event.payload})\`; } },
  });`,
  `permissions: { database: true, cache: true, jobs: true, call: [other.schema], events: { publish: ["probe.*"], subscribe: ["probe.*"] } }
dependencies: { other: ^1.0.0 }
`,
);
const other = pluginFiles(
  "other",
  `export default definePlugin({ actions: {
    schema: { run: async (input, { db }) => (await db.sql\`select current_schema() as schema\`)[0].schema },
  } });`,
  "permissions: { database: true }\n",
);
const files = {
  ...probe,
  ...other,
  "plugins/probe/migrations/20260101000000_heard.sql":
    "-- migrate:up\ncreate table heard (what text, who text);\n-- migrate:down\ndrop table heard;\n",
};

describe("tenants by subdomain", () => {
  let it: TenantServer;
  before(async () => {
    const plugins = ["notes", "mailer"];
    it = await tenantServer("{ from: { subdomain: example.test } }", files, { plugins });
    await it.create("acme");
    await it.create("other-co");
  });
  after(() => it?.[Symbol.asyncDispose]());

  const sql = async (
    tenant: string,
    text: string,
  ): Promise<{ rows?: unknown[]; code?: string; message?: string }> =>
    (await it.as(tenant, "/app/probe/sql", { method: "POST", body: { text } })).body as never;

  test("the same plugin keeps notes with the same ids for each, and neither sees the other's", async () => {
    const post = (tenant: string, title: string) =>
      it.as(tenant, "/app/notes/", { method: "POST", body: { title } });
    const created = await Promise.all([post("acme", "ours"), post("other-co", "theirs")]);
    assert.deepEqual(
      created.map(({ status, body }) => [status, Number((body as { id: number }).id)]),
      [
        [201, 1],
        [201, 1],
      ],
    );
    for (const [tenant, title] of [
      ["acme", "ours"],
      ["other-co", "theirs"],
    ] as const) {
      const list = (await it.as(tenant, "/app/notes/")).body as { title: string }[];
      assert.deepEqual(
        list.map((note) => note.title),
        [title],
      );
    }
  });

  test("who names no tenant, an unknown one, or one by a header is told so", async () => {
    const codes = async (answer: ReturnType<TenantServer["ask"]>) => {
      const { status, body } = await answer;
      return [status, (body as { code: string }).code];
    };
    const unknown = [404, "TENANT_UNKNOWN"];
    assert.deepEqual(await codes(it.ask("/app/notes/")), unknown);
    assert.deepEqual(await codes(it.as("nobody", "/app/notes/")), unknown);
    assert.deepEqual(await codes(it.as("a.acme", "/app/notes/")), unknown);
    assert.deepEqual(await codes(it.ask("/app/notes/", { headers: { host: "example.test" } })), unknown);
    for (const header of ["x-tenant", "x-forwarded-host", "x-tenant-id"]) {
      assert.deepEqual(
        await codes(it.ask("/app/notes/", { headers: { [header]: "acme.example.test" } })),
        unknown,
      );
    }
    assert.equal((await it.as("ACME", "/app/notes/")).status, 200);
    const loud = await it.as("nobody", "/app/notes/");
    assert.ok(!JSON.stringify(loud.body).includes("acme"), "the names of tenants are not told");
  });

  test("the database refuses another tenant's schema, and a way into its role", async () => {
    const [{ schema } = { schema: "" }] = (await sql("other-co", "select current_schema() as schema"))
      .rows as {
      schema: string;
    }[];
    assert.equal(schema, "tenant_other_co__probe");
    await sql("other-co", "insert into heard values ('secret', 'of other-co')");
    for (const text of [
      `select * from ${schema}.heard`,
      `insert into ${schema}.heard values ('x', 'y')`,
      `create table ${schema}.mine (id int)`,
      `set role ${schema}`,
      `set session authorization ${schema}`,
      `select * from plugin_probe.heard`,
      `select * from xcore.tenants`,
    ]) {
      const { code, message } = await sql("acme", text);
      assert.equal(code, "DATABASE_ERROR", text);
      assert.match(message ?? "", /permission denied/, text);
    }
  });

  test("the cache is each tenant's own, also what is being made for it", async () => {
    await it.as("acme", "/app/probe/cache/ours", { method: "PUT" });
    const value = async (tenant: string) =>
      ((await it.as(tenant, "/app/probe/cache")).body as { value: unknown }).value;
    assert.equal(await value("other-co"), null);
    await it.as("other-co", "/app/probe/cache/theirs", { method: "PUT" });
    await it.as("other-co", "/app/probe/cache", { method: "DELETE" });
    assert.equal(await value("acme"), "ours");
    const made = await Promise.all(
      ["acme", "other-co"].map((tenant) => it.as(tenant, `/app/probe/making/${tenant}`)),
    );
    assert.deepEqual(
      made.map(({ body }) => (body as { by: string }).by),
      ["acme", "other-co"],
    );
  });

  test("jobs, events and actions run for the tenant of the call they come from", async () => {
    await it.as("acme", "/app/probe/later/acme", { method: "POST" });
    await it.as("other-co", "/app/probe/shout/other-co", { method: "POST" });
    const heard = async (tenant: string) => (await it.as(tenant, "/app/probe/heard")).body as object[];
    const ofAcme = await until(
      () => heard("acme"),
      (rows) => rows.length > 0,
    );
    assert.deepEqual(ofAcme, [{ what: "job", who: "acme" }]);
    const ofOther = await until(
      () => heard("other-co"),
      (rows) => rows.length > 1,
    );
    assert.deepEqual(ofOther, [
      { what: "event", who: "other-co" },
      { what: "secret", who: "of other-co" },
    ]);
    assert.deepEqual((await it.as("acme", "/app/probe/asked")).body, { schema: "tenant_acme__other" });
    const jobs = (await it.admin("/jobs?plugin=probe")) as { tenant: string }[];
    assert.deepEqual([...new Set(jobs.map((job) => job.tenant))], ["acme"]);
  });

  test("start and what the operator calls without a tenant reach what the plugin keeps for itself", async () => {
    assert.deepEqual((await it.as("acme", "/app/probe/started")).body, { kept: "plugin_probe" });
    assert.equal(await it.admin("/plugins/other/actions/schema", null), "plugin_other");
    assert.equal(await it.admin("/plugins/other/actions/schema?tenant=acme", null), "tenant_acme__other");
  });

  test("work that outlives its call has no tenant, and is refused", async () => {
    await it.as("acme", "/app/probe/after", { method: "POST" });
    await until(
      () => it.server.log.some((line) => line.message.includes("TENANT_MISSING")),
      (seen) => seen,
    );
    const rows = (await it.as("acme", "/app/probe/heard")).body as { what: string }[];
    assert.ok(!rows.some((row) => row.what === "after"));
  });

  test("log lines name the tenant", async () => {
    await it.as("acme", "/app/probe/log");
    const lines = await until(
      () => it.server.log,
      (all) => all.some(({ fields }) => fields["url"] === "/app/probe/log"),
    );
    const written = lines.find((line) => line.message === "written by the plugin");
    assert.equal(written?.fields["tenant"], "acme");
    const request = lines.find(({ fields }) => fields["url"] === "/app/probe/log");
    assert.equal(request?.fields["tenant"], "acme");
  });

  test("a suspended tenant gets 403 at once, the others go on, and resumed it goes on, too", async () => {
    await it.admin("/tenants/acme/suspend", {});
    const { status, body } = await it.as("acme", "/app/notes/");
    assert.deepEqual([status, (body as { code: string }).code], [403, "TENANT_SUSPENDED"]);
    assert.equal((await it.as("other-co", "/app/notes/")).status, 200);
    assert.deepEqual(((await it.admin("/status")) as { tenants: unknown }).tenants, {
      active: 1,
      suspended: 1,
    });
    await it.admin("/tenants/acme/resume", {});
    assert.equal((await it.as("acme", "/app/notes/")).status, 200);
  });

  test("quotas bound a tenant's requests and waiting jobs, and nobody else's", async () => {
    await it.create("small", { requests: "2/1h", jobs: 2 });
    await it.create("busy", { jobs: 2 });
    for (let number = 0; number < 2; number += 1)
      assert.equal((await it.as("small", "/app/notes/")).status, 200);
    const third = await it.as("small", "/app/notes/");
    assert.deepEqual([third.status, (third.body as { code: string }).code], [429, "TENANT_QUOTA"]);
    assert.ok(Number(third.headers["retry-after"]) > 0);
    const many = await it.as("busy", "/app/probe/many", { method: "POST" });
    assert.deepEqual([many.status, (many.body as { code: string }).code], [429, "TENANT_QUOTA"]);
    assert.equal((await it.as("acme", "/app/probe/many", { method: "POST" })).status, 204);
    await it.admin("/tenants/small", { requests: null });
    assert.equal((await it.as("small", "/app/notes/")).status, 200);
  });

  test("a plugin outside of a tenant's set does not exist for it, not by an action either", async () => {
    await it.create("few", { plugins: ["probe"] });
    assert.equal((await it.as("few", "/app/probe/cache")).status, 200);
    const { status, body } = await it.as("few", "/app/notes/");
    assert.deepEqual([status, (body as { code: string }).code], [404, "PLUGIN_NOT_FOUND"]);
    assert.ok(!JSON.stringify(body).includes("mailer"));
    const asked = await it.as("few", "/app/probe/asked");
    assert.match((asked.body as { detail: string }).detail, /there is no plugin 'other'/);
    await assert.rejects(it.create("typo", { plugins: ["nots"] }), { code: "PLUGIN_NOT_FOUND" });
  });

  test("names that are taken, reserved or none are refused", async () => {
    await assert.rejects(it.create("acme"), { code: "TENANT_EXISTS" });
    for (const name of ["core", "A", "a_b", "a@b", "", "x".repeat(41)]) {
      await assert.rejects(it.create(name), { code: "INPUT_INVALID" }, name);
    }
    await assert.rejects(it.admin("/tenants/nobody/suspend", {}), { code: "TENANT_UNKNOWN" });
  });

  test("nothing is left of a dropped tenant, and one of the same name begins anew", async () => {
    await it.as("other-co", "/app/probe/cache/theirs", { method: "PUT" });
    await it.as("other-co", "/app/probe/many", { method: "POST" });
    await it.admin("/tenants/other-co/drop", {});
    assert.equal((await it.as("other-co", "/app/notes/")).status, 404);
    const left = await leftOf("other_co", "other-co");
    assert.deepEqual(left, []);
    await it.create("other-co");
    assert.deepEqual((await it.as("other-co", "/app/notes/")).body, []);
    assert.deepEqual((await it.as("other-co", "/app/probe/cache")).body, { value: null });
    assert.equal(((await it.as("acme", "/app/notes/")).body as unknown[]).length, 1);
  });

  /** Names in the database that speak of a tenant. */
  async function leftOf(schema: string, tenant: string): Promise<string[]> {
    const config = await readConfig({ workspace: it.workspace.folder, env: {} });
    await using session = await openMigrations(config, silentLogger);
    const { rows } = await session.database.pool.query<{ name: string }>(
      `select nspname::text as name from pg_namespace where nspname like $1
         union all select rolname::text from pg_roles where rolname like $1
         union all select name from xcore.plugins where name like $2
         union all select plugin from xcore.migrations where plugin like $2
         union all select name from xcore.locks where name like $2 or name = 'tenant:' || $3
         union all select name from xcore.tenants where name = $3
         union all select id::text from xcore.jobs where data->>'tenant' = $3`,
      [`%${schema}%`, `%@${tenant}`, tenant],
    );
    return rows.map(({ name }) => name);
  }
});
