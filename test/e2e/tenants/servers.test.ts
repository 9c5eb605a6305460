// Two servers on one system Postgres and one Redis: what is done to a tenant on one holds on the other, and nothing of it leaks there.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testRedis, type TestRedis } from "../../support/services.ts";
import { startSystemPostgres, type SystemPostgres } from "../../support/system-postgres.ts";
import { tenantServer, type TenantServer } from "../../support/tenants.ts";
import { pluginFiles, until } from "../../support/workspace.ts";

const files = {
  ...pluginFiles(
    "shelf",
    `export default definePlugin({
      routes: {
        "GET /": (request, { db }) => db.sql\`select what from things order by what\`,
        "POST /:what": async (request, { db, params, events }) => {
          await db.sql\`insert into things values (\${params.what})\`;
          await events.publish("shelf.put", params.what);
        },
        "GET /cache": async (request, { cache }) => ({ value: (await cache.get("k")) ?? null }),
        "PUT /cache/:value": async (request, { cache, params }) => { await cache.set("k", params.value); },
        "GET /heard": async (request, { cache }) => ({ value: (await cache.get("heard")) ?? null }),
      },
      events: { "shelf.put": async (event, { cache }) => { await cache.set("heard", event.payload); } },
    });`,
    'permissions: { database: true, cache: true, events: { publish: ["shelf.*"], subscribe: ["shelf.*"] } }\n',
  ),
  "plugins/shelf/migrations/0001_things.sql":
    "-- migrate:up\ncreate table things (what text);\n-- migrate:down\ndrop table things;\n",
};

describe("tenants on two servers", () => {
  let postgres: SystemPostgres;
  let redis: TestRedis;
  let one: TenantServer;
  let two: TenantServer;

  before(async () => {
    [postgres, redis] = await Promise.all([startSystemPostgres(), testRedis()]);
    const yaml = `services:
  database: { driver: postgres, url: "${postgres.url}" }
  cache: { driver: redis, url: "${redis.url}" }
`;
    const open = (): Promise<TenantServer> =>
      tenantServer("{ from: { subdomain: example.test } }", files, { yaml });
    one = await open();
    two = await open();
    await one.create("acme");
    await one.create("beta");
  });
  after(async () => {
    await Promise.all([one?.[Symbol.asyncDispose](), two?.[Symbol.asyncDispose]()]);
    await Promise.all([postgres?.[Symbol.asyncDispose](), redis?.[Symbol.asyncDispose]()]);
  });

  const statusOn = async (server: TenantServer, tenant: string): Promise<number> =>
    (await server.as(tenant, "/app/shelf/")).status;
  const valueOn = async (server: TenantServer, tenant: string, path: string): Promise<unknown> =>
    ((await server.as(tenant, path)).body as { value: unknown }).value;

  test("a tenant made on one server is served by the other, with the same data", async () => {
    for (const tenant of ["acme", "beta"]) {
      await until(
        () => statusOn(two, tenant),
        (status) => status === 200,
      );
    }
    await one.as("acme", "/app/shelf/book", { method: "POST" });
    assert.deepEqual((await two.as("acme", "/app/shelf/")).body, [{ what: "book" }]);
    assert.deepEqual((await two.as("beta", "/app/shelf/")).body, []);
  });

  test("the shared cache keeps them apart on both", async () => {
    // A Redis that is slow for a moment is done without: then it is written again.
    await until(
      async () => {
        await one.as("acme", "/app/shelf/cache/ours", { method: "PUT" });
        return valueOn(two, "acme", "/app/shelf/cache");
      },
      (value) => value === "ours",
    );
    assert.equal(await valueOn(two, "beta", "/app/shelf/cache"), null);
    assert.equal(await valueOn(one, "beta", "/app/shelf/cache"), null);
  });

  test("an event stays within its tenant, wherever it is handled", async () => {
    await until(
      async () => {
        await two.as("acme", "/app/shelf/lamp", { method: "POST" });
        return valueOn(one, "acme", "/app/shelf/heard");
      },
      (value) => value === "lamp",
    );
    assert.equal(await valueOn(one, "beta", "/app/shelf/heard"), null);
    assert.equal(await valueOn(two, "beta", "/app/shelf/heard"), null);
  });

  test("a suspension, a resumption and a drop on one are heard by the other", async () => {
    for (const [how, expected] of [
      ["suspend", 403],
      ["resume", 200],
      ["drop", 404],
    ] as const) {
      await one.admin(`/tenants/acme/${how}`, {});
      await until(
        () => statusOn(two, "acme"),
        (status) => status === expected,
      );
    }
    await one.create("acme");
    await until(
      () => statusOn(two, "acme"),
      (status) => status === 200,
    );
    assert.deepEqual((await two.as("acme", "/app/shelf/")).body, []);
    assert.equal(await valueOn(two, "acme", "/app/shelf/cache"), null);
  });
});
