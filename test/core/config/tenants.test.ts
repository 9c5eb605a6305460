import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { readConfig } from "../../../src/core/config/read.ts";
import { errorOf, faultsOf, makeProject } from "./project.ts";

const indented = (yaml: string): string => yaml.replaceAll("\n", "\n  ");

async function read(tenants: string) {
  const yaml = `name: my-app\ntenants:\n  ${indented(tenants)}\n`;
  await using project = await makeProject({ "integration.yaml": yaml });
  return { folder: project.folder, config: await readConfig({ workspace: project.folder, env: {} }) };
}

async function faultOf(tenants: string): Promise<string> {
  const error = await errorOf(read(tenants));
  assert.equal(error.code, "CONFIG_INVALID");
  return faultsOf(error)
    .map(({ path, message }) => `${path}: ${message}`)
    .join("\n");
}

test("without the section there are no tenants", async () => {
  await using project = await makeProject({ "integration.yaml": "name: my-app\n" });
  assert.equal((await readConfig({ workspace: project.folder, env: {} })).tenants, undefined);
});

test("a tenant comes from a subdomain, a header of a proxy, or a claim", async () => {
  const subdomain = await read(
    "from: { subdomain: example.com }\nquotas: { requests: 600/1m, jobs: 10, storage: 1kb }",
  );
  assert.deepEqual(subdomain.config.tenants, {
    from: { kind: "subdomain", of: "example.com" },
    isolation: "shared",
    quotas: { requests: { count: 600, perMs: 60_000 }, jobs: 10, storageBytes: 1024 },
  });
  const header = await read("from: { header: { name: X-Tenant, proxies: [10.0.0.0/8, 192.0.2.1, '::1'] } }");
  assert.deepEqual(header.config.tenants?.from, {
    kind: "header",
    name: "x-tenant",
    proxies: ["10.0.0.0/8", "192.0.2.1/32", "::1/128"],
  });
  const file = await read("from: { claim: { name: t, issuer: i, audience: a, key: ./key.pem } }");
  assert.deepEqual(file.config.tenants?.from, {
    kind: "claim",
    name: "t",
    issuer: "i",
    audience: "a",
    algorithms: ["RS256", "PS256", "ES256", "EdDSA"],
    key: { kind: "file", file: join(file.folder, "key.pem") },
  });
});

test("a section that says nothing is no section that everybody shares, and its error shows one that does", async () => {
  for (const section of ["tenants: {}", "tenants:", "tenants: { from: }"]) {
    await using project = await makeProject({ "integration.yaml": `name: my-app\n${section}\n` });
    const error = await errorOf(readConfig({ workspace: project.folder, env: {} }));
    assert.match(
      error.message,
      /tenants\.from: missing key 'from'; for example 'from: \{ subdomain: example\.com \}'/,
    );
  }
});

test("what would let anybody choose a tenant is refused", async () => {
  const secret = "s".repeat(32);
  const claim = (rest: string): string => `from: { claim: { name: t, issuer: i, audience: a, ${rest} } }`;
  assert.match(await faultOf("from: {}"), /exactly one of subdomain, header and claim, got nothing/);
  assert.match(
    await faultOf("from: { subdomain: a.b, header: { name: x, proxies: ['::1'] } }"),
    /got subdomain and header|got header and subdomain/,
  );
  assert.match(await faultOf("from: { header: { name: x-tenant } }"), /proxies/);
  assert.match(await faultOf("from: { header: { name: x, proxies: [10.0.0.0/64] } }"), /address or network/);
  assert.match(await faultOf("from: { header: { name: x, proxies: [10.0.0/8] } }"), /address or network/);
  assert.match(await faultOf(claim(`secret: ${secret}, algorithms: [none]`)), /algorithms/);
  assert.match(
    await faultOf(claim(`secret: ${secret}, algorithms: [RS256]`)),
    /RS256 does not work with a secret/,
  );
  assert.match(
    await faultOf(claim("key: a.pem, algorithms: [HS256]")),
    /HS256 does not work with a public key/,
  );
  assert.match(await faultOf(claim("secret: short")), /32/);
  assert.match(await faultOf(claim(`key: a.pem, secret: ${secret}`)), /exactly one of jwks, key and secret/);
  assert.match(await faultOf(claim("jwks: http://id.example.com/keys")), /https/);
  assert.match(await faultOf("from: { claim: { name: t, issuer: i, key: a.pem } }"), /audience/);
});
