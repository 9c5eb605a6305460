// Whose request it is: told by the subdomain, by a header of a proxy that is trusted, or by a claim of a token. By nothing else.
import { BlockList, isIPv6 } from "node:net";
import type { IncomingMessage } from "node:http";
import type { TenantSource } from "../config/config.ts";
import { nameless, type Tenant } from "../services/tenants/tenant.ts";
import { openClaim } from "./tenant-claim.ts";

/** Throws, or rejects, with `TENANT_UNKNOWN`, or `UNAUTHORIZED` where a token is needed. */
export type TenantOfRequest = (request: IncomingMessage) => Tenant | Promise<Tenant>;

/** `CONFIG_INVALID` when the key of a claim's issuer can't be read. */
export async function tenantOfRequest(
  source: TenantSource,
  tenants: { forCall(name: string): Tenant },
): Promise<TenantOfRequest> {
  switch (source.kind) {
    case "subdomain":
      return bySubdomain(source.of, tenants.forCall);
    case "header":
      return byHeader(source, tenants.forCall);
    case "claim": {
      const claimOf = await openClaim(source);
      return async (request) => tenants.forCall(await claimOf(request));
    }
  }
}

type Find = (name: string) => Tenant;

function bySubdomain(domain: string, find: Find): TenantOfRequest {
  const end = `.${domain}`;
  return ({ headers: { host = "" } }) => {
    const name = host.toLowerCase().replace(/:\d{1,5}$/, "");
    const label = name.endsWith(end) ? name.slice(0, -end.length) : "";
    if (label === "" || label.includes(".")) throw nameless(`its host is none of <tenant>${end}`);
    return find(label);
  };
}

/** Two of the header are joined to one text by Node, which is no tenant's name. */
function byHeader({ name, proxies }: Extract<TenantSource, { kind: "header" }>, find: Find): TenantOfRequest {
  const trusted = new BlockList();
  for (const network of proxies) {
    const [address = "", bits] = network.split("/");
    trusted.addSubnet(address, Number(bits), isIPv6(address) ? "ipv6" : "ipv4");
  }
  return ({ headers, socket: { remoteAddress = "" } }) => {
    const value = headers[name];
    // A dual-stack socket shows IPv4 peers as ::ffff:192.0.2.1.
    const peer = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, "");
    const isTrusted = peer !== "" && trusted.check(peer, isIPv6(peer) ? "ipv6" : "ipv4");
    if (typeof value !== "string" || value === "") throw nameless(`it has no header '${name}'`);
    if (!isTrusted) throw nameless(`its header '${name}' does not come from a trusted proxy`);
    return find(value);
  };
}
