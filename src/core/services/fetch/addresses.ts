// Which addresses a plugin may never reach, whatever name led there.
import ipaddr from "ipaddr.js";

/** Networks (CIDR) that the installation opens although they are not public. */
export type OpenNetworks = readonly string[];

/**
 * Whether an address is a public unicast one (or lies in an opened network). Mapped and translated forms
 * (::ffff:0:0/96, 64:ff9b::/96, 6to4, Teredo) count as not public: ipaddr.js ranges after the IANA special-purpose registries.
 */
export function isReachable(address: string, open: OpenNetworks): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() === "unicast") return true;
  return open.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network);
    return base.kind() === parsed.kind() && parsed.match(base, bits);
  });
}
