// An isolate of its own for each tenant: what a plugin keeps in its memory for one is not there for another.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { tenantServer, type TenantServer } from "../../support/tenants.ts";
import { pluginFiles, until } from "../../support/workspace.ts";

const files = pluginFiles(
  "keeper",
  `
  let seen = [];
  let started;
  export default definePlugin({
    async start({ db }) { started = (await db.sql\`select current_schema() as schema\`)[0].schema; },
    routes: {
      "POST /keep/:what": (request, { params }) => { seen.push(params.what); },
      "GET /": () => ({ seen, started }),
      "POST /loop": () => { for (;;); },
    },
    actions: { seen: { run: () => seen } },
  });`,
  "permissions: { database: true }\n",
);

interface Kept {
  seen: string[];
  started: string;
}

describe("tenants with an isolate each", () => {
  let it: TenantServer;
  before(async () => {
    it = await tenantServer("{ from: { subdomain: example.test }, isolation: isolate }", files);
    await it.create("acme");
    await it.create("beta");
  });
  after(() => it?.[Symbol.asyncDispose]());

  const kept = async (tenant: string): Promise<Kept> => (await it.as(tenant, "/app/keeper/")).body as Kept;
  const keep = (tenant: string, what: string) =>
    it.as(tenant, `/app/keeper/keep/${what}`, { method: "POST" });

  test("see neither each other's variables nor those of calls for no tenant", async () => {
    await keep("acme", "ours");
    await keep("beta", "theirs");
    assert.deepEqual(await kept("acme"), { seen: ["ours"], started: "tenant_acme__keeper" });
    assert.deepEqual(await kept("beta"), { seen: ["theirs"], started: "tenant_beta__keeper" });
    assert.deepEqual(await it.admin("/plugins/keeper/actions/seen", {}), []);
    assert.deepEqual(await it.admin("/plugins/keeper/actions/seen?tenant=acme", {}), ["ours"]);
  });

  test("a loop in one ends that one alone, and it comes back empty", async () => {
    await keep("beta", "still");
    const looped = await it.as("acme", "/app/keeper/loop", { method: "POST" });
    assert.ok([503, 504].includes(looped.status), String(looped.status));
    const again = await until(
      () => kept("acme"),
      ({ seen }) => seen !== undefined,
    );
    assert.deepEqual(again.seen, []);
    // On a machine so busy that V8's own timeout came too late, the host had to go.
    const host = it.server.log.some(({ fields }) => fields["killedHost"] === true);
    const beta = await until(
      () => kept("beta"),
      ({ seen }) => seen !== undefined,
    );
    assert.equal(beta.seen.includes("still"), !host);
  });

  test("a reload replaces all of them", async () => {
    await keep("acme", "old");
    await it.admin("/plugins/keeper/reload", {});
    for (const tenant of ["acme", "beta"]) assert.deepEqual((await kept(tenant)).seen, []);
  });
});
