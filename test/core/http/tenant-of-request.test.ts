// Whose request it is: a proxy's header or a checked token, and nothing that a client makes up.
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { exportJWK, exportSPKI, generateKeyPair, UnsecuredJWT, SignJWT } from "jose";
import { asXcoreError } from "../../../src/core/base/error.ts";
import type { ClaimSource, TenantSource } from "../../../src/core/config/config.ts";
import { tenantOfRequest } from "../../../src/core/http/tenant-of-request.ts";
import { Tenant, unknownTenant } from "../../../src/core/services/tenants/tenant.ts";
import { audience, changed, issuer, tokenOf, type TestKeys } from "../../support/tokens.ts";

const row = { name: "acme", serial: 1, state: "active", plugins: null, quotas: {}, createdAt: "" } as const;
const acme = new Tenant({ ...row }, { requests: undefined, jobs: undefined, storageBytes: undefined });
const found = { status: 200, code: "acme" };
const unknown = { status: 404, code: "TENANT_UNKNOWN" };
const refused = { status: 401, code: "UNAUTHORIZED" };

type Headers = Record<string, string | string[]>;

async function listening(listener: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

/** A server that answers with the tenant, or the code of the refusal. */
async function asking(
  source: TenantSource,
): Promise<{ ask(headers: Headers): Promise<object>; [Symbol.dispose](): void }> {
  const tenantOf = await tenantOfRequest(source, {
    forCall: (name) => {
      if (name === "acme") return acme;
      throw unknownTenant(name);
    },
  });
  const { server, url } = await listening(async (request, response) => {
    try {
      response.end((await tenantOf(request)).id);
    } catch (error) {
      const { status, code } = asXcoreError(error);
      response.writeHead(status).end(code);
    }
  });
  return {
    async ask(headers) {
      const answer = await fetch(url, { headers: Object.entries(headers).flatMap(pairs) });
      return { status: answer.status, code: await answer.text() };
    },
    [Symbol.dispose]: () => void server.close(),
  };
}

function pairs([name, value]: [string, string | string[]]): [string, string][] {
  return (Array.isArray(value) ? value : [value]).map((one) => [name, one]);
}

describe("a tenant by a header", () => {
  const header = (...proxies: string[]): TenantSource => ({ kind: "header", name: "x-tenant", proxies });

  test("of a trusted proxy is believed; without it, or with two of them, there is no tenant", async () => {
    using it = await asking(header("127.0.0.0/8"));
    assert.deepEqual(await it.ask({ "x-tenant": "acme" }), found);
    assert.deepEqual(await it.ask({}), unknown);
    assert.deepEqual(await it.ask({ "x-tenant": "nobody" }), unknown);
    assert.deepEqual(await it.ask({ "x-tenant": ["acme", "acme"] }), unknown);
  });

  test("of anybody else is ignored, wherever they say they come from", async () => {
    using it = await asking(header("10.0.0.0/8", "::1/128"));
    for (const more of [{}, { "x-forwarded-for": "10.0.0.1" }, { forwarded: "for=10.0.0.1" }]) {
      assert.deepEqual(await it.ask({ "x-tenant": "acme", ...more }), unknown);
    }
  });
});

describe("a tenant by a claim", () => {
  const common = { kind: "claim", name: "tenant", issuer, audience, algorithms: ["ES256"] } as const;
  let folder = "";
  let keys: TestKeys;
  let strange: TestKeys;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "xcore-claim-"));
    keys = await generateKeyPair("ES256", { extractable: true });
    strange = await generateKeyPair("ES256");
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const asked = async (key: ClaimSource["key"], algorithms: readonly string[] = ["ES256"]) => {
    const { ask, [Symbol.dispose]: dispose } = await asking({ ...common, key, algorithms });
    const bearer = (token: string): Promise<object> => ask({ authorization: `Bearer ${token}` });
    return { ask, bearer, [Symbol.dispose]: dispose };
  };
  const written = async (name: string, text: string): Promise<ClaimSource["key"]> => {
    await writeFile(join(folder, name), text);
    return { kind: "file", file: join(folder, name) };
  };

  test("of a token signed with the issuer's key is believed; every forged, old or foreign one is refused", async () => {
    const pem = await exportSPKI(keys.publicKey);
    using it = await asked(await written("issuer.pem", pem));
    const token = tokenOf(keys.privateKey);
    assert.deepEqual(await it.bearer(await token()), found);
    assert.deepEqual(await it.ask({}), refused);
    assert.deepEqual(await it.ask({ authorization: `Basic ${await token()}` }), refused);
    const wrong: Record<string, string> = {
      "no token": "acme",
      "another's key": await tokenOf(strange.privateKey)(),
      expired: await token({ expires: Math.floor(Date.now() / 1000) - 60 }),
      "another issuer": await token({ iss: "https://evil.example.test/" }),
      "another audience": await token({ aud: "another-app" }),
      "no signature": new UnsecuredJWT({ tenant: "acme" })
        .setIssuer(issuer)
        .setAudience(audience)
        .setExpirationTime("5m")
        .encode(),
      "the public key as a secret": await tokenOf(new TextEncoder().encode(pem))({ alg: "HS256" }),
      "never expires": await new SignJWT({ tenant: "acme" })
        .setProtectedHeader({ alg: "ES256" })
        .setIssuer(issuer)
        .setAudience(audience)
        .sign(keys.privateKey),
      "changed after it was signed": changed(await token(), { tenant: "other" }),
    };
    for (const [what, bearer] of Object.entries(wrong))
      assert.deepEqual(await it.bearer(bearer), refused, what);
    for (const claims of [{ tenant: "nobody" }, {}, { tenant: ["acme"] }, { other: "acme" }]) {
      assert.deepEqual(await it.bearer(await token({ claims })), unknown, JSON.stringify(claims));
    }
  });

  test("of a token signed with a shared secret is believed with that secret and algorithm only", async () => {
    const secret = "a secret of the issuer, long enough";
    using it = await asked({ kind: "secret", secret }, ["HS256"]);
    const token = tokenOf(new TextEncoder().encode(secret));
    assert.deepEqual(await it.bearer(await token({ alg: "HS256" })), found);
    assert.deepEqual(await it.bearer(await token({ alg: "HS512" })), refused);
    const other = tokenOf(new TextEncoder().encode("x".repeat(32)));
    assert.deepEqual(await it.bearer(await other({ alg: "HS256" })), refused);
    assert.deepEqual(await it.bearer(await tokenOf(keys.privateKey)()), refused);
  });

  test("of a token whose issuer's keys are fetched is believed; an issuer that is away is no fault of the token's", async () => {
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "one", alg: "ES256", use: "sig" };
    let answers = false;
    const { server, url } = await listening((_request, response) => {
      response.writeHead(answers ? 200 : 500, { "content-type": "application/json" });
      response.end(JSON.stringify({ keys: [jwk] }));
    });
    try {
      using it = await asked({ kind: "jwks", url });
      const token = tokenOf(keys.privateKey);
      assert.deepEqual(await it.bearer(await token()), { status: 503, code: "SERVICE_UNAVAILABLE" });
      answers = true;
      assert.deepEqual(await it.bearer(await token()), found);
      answers = false;
      assert.deepEqual(await it.bearer(await token()), found);
      assert.deepEqual(await it.bearer(await tokenOf(strange.privateKey)()), refused);
    } finally {
      server.close();
    }
  });

  test("keys are read from a JWK or JWKS, too; one that is none, or a private one, is found at the start", async () => {
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: "one" };
    for (const document of [jwk, { keys: [jwk] }]) {
      using it = await asked(await written("key.json", JSON.stringify(document)));
      assert.deepEqual(await it.bearer(await tokenOf(keys.privateKey)()), found);
    }
    for (const text of ["no key", "-----BEGIN PRIVATE KEY-----\n", "{}"]) {
      const opening = asked(await written("wrong.pem", text));
      await assert.rejects(opening, { code: "CONFIG_INVALID", message: /wrong\.pem can't be used/ }, text);
    }
    await assert.rejects(asked({ kind: "file", file: join(folder, "none.pem") }), { code: "CONFIG_INVALID" });
  });
});
