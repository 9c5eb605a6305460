// The connector behind every outbound request of a plugin: it looks at the address really connected to.
import { lookup } from "node:dns";
import { isIP, type LookupFunction } from "node:net";
import { Agent, buildConnector } from "undici";
import { XcoreError } from "../../base/error.ts";
import { isReachable, type PrivateNetworks } from "./addresses.ts";

/** An undici agent that refuses addresses that are not public, both as literals and as answers of the name service. */
export function guardedAgent(open: PrivateNetworks): Agent {
  const guardedLookup: LookupFunction = (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, "", 0);
      const refused = addresses.find(({ address }) => !isReachable(address, hostname, open));
      const first = addresses[0];
      if (refused !== undefined || first === undefined) {
        return callback(refusal(hostname, refused?.address), "", 0);
      }
      if (options.all === true) return callback(null, addresses);
      return callback(null, first.address, first.family);
    });
  };
  const connect = buildConnector({ timeout: 10_000, lookup: guardedLookup });
  return new Agent({
    connect(options, callback) {
      const literal = options.hostname.replace(/^\[|\]$/g, "");
      if (isIP(literal) !== 0 && !isReachable(literal, literal, open)) {
        callback(refusal(options.hostname, literal), null);
        return;
      }
      connect(options, (...[error, socket]) => {
        if (error !== null) return callback(error, null);
        const remote = socket.remoteAddress ?? "";
        if (isReachable(remote, options.hostname, open)) return callback(null, socket);
        socket.destroy();
        return callback(refusal(options.hostname, remote), null);
      });
    },
    connections: 32,
    headersTimeout: 30_000,
    bodyTimeout: 30_000,
  });
}

function refusal(host: string, address: string | undefined): XcoreError {
  return new XcoreError(
    "FETCH_REFUSED",
    `fetch: '${host}' leads to ${address ?? "no address"}, which is not a public address`,
    {
      hint: "Plugins reach public addresses only, unless integration.yaml names the network or host under privateNetworks, for this plugin or under policy.",
    },
  );
}
