// What an installation lets plugins fetch from although it is not public: networks, addresses, host names.
import ipaddr from "ipaddr.js";
import type { Complain } from "./units.ts";

const hostName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

export function privateNetworksOf(
  written: readonly string[] | undefined,
  path: readonly string[],
  complain: Complain,
): readonly string[] {
  return (written ?? []).map((text, index) => {
    const entry = text.toLowerCase();
    const fault = faultOf(entry);
    if (fault !== undefined) complain([...path, "privateNetworks", String(index)], fault);
    return entry;
  });
}

function faultOf(entry: string): string | undefined {
  // A network of fewer parts, such as 10.0/8, means different things to different readers.
  if (ipaddr.IPv4.isValidCIDRFourPartDecimal(entry) || ipaddr.IPv6.isValidCIDR(entry)) {
    const [, bits] = ipaddr.parseCIDR(entry);
    return bits === 0 ? `'${entry}' is every address there is; name the networks that are meant` : undefined;
  }
  // "10" and "127.1" are addresses to some readers and names to others.
  const isName = hostName.test(entry) && /[a-z]/.test(entry) && !entry.startsWith("0x");
  if (isName || ipaddr.IPv6.isValid(entry) || ipaddr.IPv4.isValidFourPartDecimal(entry)) return undefined;
  return `expected a network such as "10.20.0.0/16", an address, or the name of a host without port, got "${entry}"`;
}
