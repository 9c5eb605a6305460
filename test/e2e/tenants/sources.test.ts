// On a real server: a tenant that a trusted proxy names, and one that a checked token names.
import assert from "node:assert/strict";
import { test } from "node:test";
import { exportSPKI, generateKeyPair } from "jose";
import { tenantServer, type Answer } from "../../support/tenants.ts";
import { audience, issuer, tokenOf } from "../../support/tokens.ts";
import { pluginFiles } from "../../support/workspace.ts";

const files = pluginFiles(
  "who",
  'export default definePlugin({ routes: { "GET /": async (request, { db }) => (await db.sql`select current_schema() as schema`)[0] } });',
  "permissions: { database: true }\n",
);
const acme = { status: 200, body: { schema: "tenant_acme__who" } };

function outcome({ status, body }: Answer): object {
  return status === 200 ? { status, body } : { status, code: (body as { code: string }).code };
}

test("a tenant by a header of a trusted proxy reaches its own data", async () => {
  await using it = await tenantServer(
    "{ from: { header: { name: X-Tenant, proxies: [127.0.0.1] } } }",
    files,
  );
  await it.create("acme");
  const ask = async (headers: Record<string, string>) => outcome(await it.ask("/app/who/", { headers }));
  assert.deepEqual(await ask({ "x-tenant": "acme" }), acme);
  assert.deepEqual(await ask({ host: "acme.example.test" }), { status: 404, code: "TENANT_UNKNOWN" });
});

test("a tenant by a claim reaches its own data; a forged token none", async () => {
  const [keys, strange] = [await generateKeyPair("ES256"), await generateKeyPair("ES256")];
  const claim = `{ name: tenant, issuer: "${issuer}", audience: ${audience}, key: ./issuer.pem }`;
  const pem = await exportSPKI(keys.publicKey);
  await using it = await tenantServer(`{ from: { claim: ${claim} } }`, { ...files, "issuer.pem": pem });
  await it.create("acme");
  const ask = async (headers: Record<string, string>) => outcome(await it.ask("/app/who/", { headers }));
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  assert.deepEqual(await ask(bearer(await tokenOf(keys.privateKey)())), acme);
  assert.deepEqual(await ask(bearer(await tokenOf(strange.privateKey)())), {
    status: 401,
    code: "UNAUTHORIZED",
  });
  assert.deepEqual(await ask({ "x-tenant": "acme" }), { status: 401, code: "UNAUTHORIZED" });
});
