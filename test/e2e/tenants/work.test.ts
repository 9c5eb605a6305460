// What runs for tenants by itself or over time: schedules, migrations at a reload, streams, calls that a suspension overtakes.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { tenantServer, type TenantServer } from "../../support/tenants.ts";
import { pluginFiles, until } from "../../support/workspace.ts";

const code = `export default definePlugin({
  routes: {
    "GET /ticks": async (request, { db }) => (await db.sql\`select count(*)::int as count from ticks\`)[0],
    "GET /schema": async (request, { db }) => (await db.sql\`select current_schema() as schema\`)[0],
    "GET /extra": (request, { db }) => db.sql\`select * from extra\`,
    "GET /stream": (request, { db }) => {
      let left = 3;
      return new Response(new ReadableStream({ async pull(controller) {
        const [{ schema }] = await db.sql\`select current_schema() as schema\`;
        controller.enqueue(new TextEncoder().encode(schema + " "));
        if ((left -= 1) === 0) controller.close();
      } }));
    },
    "GET /forever": (request, { log }) => new Response(new ReadableStream({
      start(controller) { controller.enqueue(new TextEncoder().encode("begun")); },
      pull() { log.info("forever began"); return new Promise(() => {}); },
    })),
    "GET /long": async (request, { db, log }) => {
      log.info("long began");
      for (;;) {
        await db.sql\`select 1\`;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  },
  jobs: { tick: { every: "1 second", run: async (data, { db }) => { await db.sql\`insert into ticks default values\`; } } },
});`;
const migration = (up: string): string => `-- migrate:up\n${up};\n-- migrate:down\nselect 1;\n`;
const files = {
  ...pluginFiles("clock", code, "permissions: { database: true, jobs: true }\nlimits: { timeout: 20s }\n"),
  "plugins/clock/migrations/0001_ticks.sql": migration("create table ticks (at timestamptz default now())"),
};

describe("work for tenants", () => {
  let it: TenantServer;
  before(async () => {
    it = await tenantServer("{ from: { subdomain: example.test } }", files);
    for (const name of ["acme", "beta", "gamma"]) await it.create(name);
    await it.create("without", { plugins: [] });
  });
  after(() => it?.[Symbol.asyncDispose]());

  const ticks = async (tenant: string): Promise<number> =>
    ((await it.as(tenant, "/app/clock/ticks")).body as { count: number }).count;

  test("a schedule runs once for each tenant, in its data, and not for those without the plugin", async () => {
    for (const tenant of ["acme", "beta"]) {
      await until(
        () => ticks(tenant),
        (count) => count > 1,
      );
    }
    const jobs = (await it.admin("/jobs?plugin=clock&limit=1000")) as {
      tenant: string | null;
      state: string;
    }[];
    const tenants = new Set(jobs.map((job) => job.tenant));
    assert.ok(tenants.has("acme") && tenants.has("beta") && !tenants.has("without"));
  });

  test("a suspended tenant's schedule rests, and what is under way for it ends", async () => {
    const long = it.as("gamma", "/app/clock/long");
    await until(
      () => it.server.log.some((line) => line.message === "long began"),
      (began) => began,
    );
    await it.admin("/tenants/gamma/suspend", {});
    const { status, body } = await long;
    assert.deepEqual([status, (body as { code: string }).code], [403, "TENANT_SUSPENDED"]);
    const waiting = async () =>
      (
        (await it.admin("/jobs?plugin=clock&limit=1000")) as { tenant: string | null; state: string }[]
      ).filter((job) => job.tenant === "gamma" && (job.state === "waiting" || job.state === "running"));
    await until(waiting, (jobs) => jobs.length === 0);
    const before = await ticks("acme");
    await until(
      () => ticks("acme"),
      (count) => count > before + 1,
    );
    assert.deepEqual(await waiting(), []);
    await it.admin("/tenants/gamma/resume", {});
    assert.equal((await it.as("gamma", "/app/clock/schema")).status, 200);
  });

  test("a stream of a tenant that is suspended is cut off", async () => {
    const forever = it.as("gamma", "/app/clock/forever");
    await until(
      () => it.server.log.some((line) => line.message === "forever began"),
      (began) => began,
    );
    await Promise.all([assert.rejects(forever), it.admin("/tenants/gamma/suspend", {})]);
    await it.admin("/tenants/gamma/resume", {});
  });

  test("a body that is streamed keeps its tenant to the end", async () => {
    const { body } = await it.as("beta", "/app/clock/stream");
    assert.equal(body, "tenant_beta__clock ".repeat(3));
  });

  test("a new migration reaches every tenant at the reload; where it fails, that tenant alone is shut out", async () => {
    await it.server.workspace.write(
      "plugins/clock/migrations/0002_extra.sql",
      migration("create table extra (id int)"),
    );
    await it.admin("/plugins/clock/reload", {});
    for (const tenant of ["acme", "beta"])
      assert.equal((await it.as(tenant, "/app/clock/extra")).status, 200);
    await it.server.workspace.write(
      "plugins/clock/migrations/0003_small.sql",
      migration(
        "do $$ begin if current_schema() = 'tenant_beta__clock' then raise exception 'not for beta'; end if; end $$",
      ),
    );
    await it.admin("/plugins/clock/reload", {});
    assert.equal((await it.as("acme", "/app/clock/extra")).status, 200);
    const { status } = await it.as("beta", "/app/clock/extra");
    assert.equal(status, 500);
    const logged = it.server.log.find((line) => line.fields["tenant"] === "beta" && line.level === "error");
    assert.match(String(logged?.message), /not for beta/);
  });
});
