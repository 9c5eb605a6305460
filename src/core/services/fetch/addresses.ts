// Which addresses a plugin may never reach, whatever name led there.
import ipaddr from "ipaddr.js";

/**
 * What the installation opens although it is not public: networks (`10.1.0.0/16`), single addresses (`127.0.0.1`), and hosts by
 * name (`intranet.example.com`), whose answers are then believed.
 */
export type PrivateNetworks = readonly string[];

/**
 * Whether an address may be connected to that `host` led to: a public unicast one, or one that is opened. Mapped and translated
 * forms (::ffff:0:0/96, 64:ff9b::/96, 6to4, Teredo) are taken for what they are mapped to, or count as not public: ipaddr.js ranges
 * after the IANA special-purpose registries.
 */
export function isReachable(address: string, host: string, open: PrivateNetworks): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (parsed.range() === "unicast") return true;
  return open.some((entry) => {
    const network = networkOf(entry);
    if (network === undefined) return entry === host.toLowerCase();
    const [base, bits] = network;
    return base.kind() === parsed.kind() && parsed.match(base, bits);
  });
}

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number];

/** Undefined for a name. */
function networkOf(entry: string): Network | undefined {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry);
  if (!ipaddr.isValid(entry)) return undefined;
  const address = ipaddr.process(entry);
  return [address, address.kind() === "ipv4" ? 32 : 128];
}
