// The section `tenants:` compiled.
import { isIP } from "node:net";
import { resolve } from "node:path";
import ipaddr from "ipaddr.js";
import type { ClaimSource, TenantsConfig, TenantSource } from "./config.ts";
import { asymmetric, symmetric, type TenantsYaml } from "./tenant-schema.ts";
import { bytesOf, rateOf, type Complain } from "./units.ts";

const usualAsymmetric = ["RS256", "PS256", "ES256", "EdDSA"] as const;

export function tenantsConfig(
  yaml: TenantsYaml | undefined,
  { workspace, complain }: { workspace: string; complain: Complain },
): TenantsConfig | undefined {
  if (yaml === undefined) return undefined;
  const { requests, jobs, storage } = yaml.quotas ?? {};
  const quotas = {
    requests:
      requests === undefined ? undefined : rateOf(requests, ["tenants", "quotas", "requests"], complain),
    jobs,
    storageBytes:
      storage === undefined ? undefined : bytesOf(storage, ["tenants", "quotas", "storage"], complain),
  };
  const sources = Object.keys(yaml.from);
  if (sources.length !== 1) {
    const got = sources.length === 0 ? "nothing" : sources.join(" and ");
    complain(
      ["tenants", "from"],
      `expected exactly one of subdomain, header and claim, got ${got}; for example { subdomain: example.com }`,
    );
  }
  return {
    from: sourceOf(yaml.from, workspace, complain),
    isolation: yaml.isolation ?? "shared",
    quotas,
  };
}

function sourceOf(
  { header, claim, subdomain }: TenantsYaml["from"],
  workspace: string,
  complain: Complain,
): TenantSource {
  if (claim !== undefined) return { kind: "claim", ...claimSource(claim, workspace, complain) };
  if (header === undefined) return { kind: "subdomain", of: subdomain ?? "localhost" };
  const proxies = header.proxies.map((proxy, at) =>
    networkOf(proxy, ["tenants", "from", "header", "proxies", String(at)], complain),
  );
  return { kind: "header", name: header.name.toLowerCase(), proxies };
}

/** `10.0.0.1` is the network 10.0.0.1/32. */
function networkOf(text: string, path: readonly string[], complain: Complain): string {
  const network = isIP(text) === 0 ? text : `${text}/${text.includes(":") ? 128 : 32}`;
  // A network of fewer parts, such as 10.0.0/8, means different things to different readers.
  if (!ipaddr.IPv4.isValidCIDRFourPartDecimal(network) && !ipaddr.IPv6.isValidCIDR(network))
    complain(path, `expected an address or network such as "10.0.0.0/8", got "${text}"`);
  return network;
}

type ClaimYaml = NonNullable<TenantsYaml["from"]["claim"]>;

function claimSource(claim: ClaimYaml, workspace: string, complain: Complain): ClaimSource {
  const { name, issuer, audience, jwks, key, secret } = claim;
  const path = ["tenants", "from", "claim"];
  const keys = Object.entries({ jwks, key, secret }).flatMap(([kind, one]) =>
    one === undefined ? [] : [kind],
  );
  if (keys.length !== 1) {
    complain(path, `expected exactly one of jwks, key and secret, got ${keys.join(" and ") || "none"}`);
  }
  const possible: readonly string[] = secret === undefined ? asymmetric : symmetric;
  const algorithms = claim.algorithms ?? (secret === undefined ? usualAsymmetric : ["HS256" as const]);
  const wrong = algorithms.find((one) => !possible.includes(one));
  if (wrong !== undefined) {
    const what = secret === undefined ? "a public key" : "a secret";
    complain([...path, "algorithms"], `${wrong} does not work with ${what}; use ${possible.join(", ")}`);
  }
  const common = { name, issuer, audience, algorithms };
  if (secret !== undefined) return { ...common, key: { kind: "secret", secret } };
  if (key !== undefined) return { ...common, key: { kind: "file", file: resolve(workspace, key) } };
  return { ...common, key: { kind: "jwks", url: keysAddress(jwks ?? "", [...path, "jwks"], complain) } };
}

/** Whoever can change what is answered there can issue tokens. */
function keysAddress(text: string, path: readonly string[], complain: Complain): string {
  const url = URL.parse(text);
  const isLocal = url !== null && /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
  if (text !== "" && url?.protocol !== "https:" && !(url?.protocol === "http:" && isLocal)) {
    complain(path, `expected an https address (http only on this machine), got "${text}"`);
  }
  return text;
}
