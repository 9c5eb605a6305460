// Why a Postgres by URL can't be used, as one sentence that names it (never the password) and one that says what to do.
import { messageOf, systemCode, XcoreError } from "../../base/error.ts";
import type { Connection } from "./database.ts";
import { sqlState } from "./failures.ts";

interface Reason {
  what?: string;
  hint: string;
}

export function notReachable(error: unknown, name: string, connection: Connection): XcoreError {
  const { host, port, user, database } = connection;
  const where = `Postgres at ${host}:${port}, database '${database}', user '${user}'`;
  const { what = plain(error), hint } = reasonOf(error, name, connection);
  return new XcoreError("SERVICE_UNAVAILABLE", `${where}: ${what}`, { hint, cause: error });
}

function reasonOf(error: unknown, name: string, { host, database }: Connection): Reason {
  const option = `services.${name}`;
  const message = messageOf(error);
  const state = sqlState(error);
  if (state === "28000" && message.includes("no encryption")) {
    return {
      what: "it takes no unencrypted connection from here",
      hint: `Write ${option}.ssl: true, or { ca: "\${file:ca.pem}" } where an authority of its own signed the server's certificate.`,
    };
  }
  const byState: Readonly<Record<string, string>> = {
    "28P01": `Check user and password in ${option}.url.`,
    "28000": `Check the user in ${option}.url, and the server's pg_hba.conf.`,
    "3D000": `Create it: create database ${database}`,
    "53300": `The server has no free connection: lower ${option}.poolSize, or raise max_connections.`,
    "57P03": "The server is starting up or shutting down: try again.",
  };
  const known = byState[state ?? ""];
  if (known !== undefined) return { hint: known };
  if (message.includes("does not support SSL")) {
    return {
      what: "it has no TLS",
      hint: `Turn TLS on at the server (ssl = on), or leave ${option}.ssl out where the way to it is private.`,
    };
  }
  if (message.includes("password must be a string")) {
    return { what: "it asks for a password", hint: `Put it into ${option}.url: postgres://user:password@…` };
  }
  return byCode(systemCode(error) ?? "", host, option) ?? { hint: standardHint };
}

const standardHint = "Check that the server runs and that this machine may connect to it.";
const untrusted =
  /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(_LOCALLY)?))$/;

function byCode(code: string, host: string, option: string): Reason | undefined {
  if (untrusted.test(code)) {
    return {
      what: "its certificate is signed by no authority that is known here",
      hint: `Name the authority: ${option}.ssl: { ca: "\${file:ca.pem}" }. With rejectUnauthorized: false the connection is private, but anybody could be at the other end.`,
    };
  }
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      return {
        what: `its certificate is for another name than '${host}'`,
        hint: `Connect by the name in the certificate, or say which one it is: ${option}.ssl.servername`,
      };
    case "CERT_HAS_EXPIRED":
      return { what: "its certificate has expired", hint: "Renew the server's certificate." };
    case "ECONNREFUSED":
      return { what: "nobody listens there", hint: "Check host and port, and that the server runs." };
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return { what: `the name '${host}' is not known`, hint: `Check the host in ${option}.url.` };
    default:
      return undefined;
  }
}

/** Node gives several failures of one name's addresses as one error without words. */
function plain(error: unknown): string {
  const words = messageOf(error);
  if (words === "timeout expired") return "no answer in time";
  return words === "" ? (systemCode(error) ?? "no connection") : words;
}
