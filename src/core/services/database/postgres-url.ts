// A Postgres by URL: the options that name it, and the connection they mean.
import { isIP } from "node:net";
import { Client } from "pg";
import { Type } from "typebox";
import { messageOf, systemCode, XcoreError } from "../../base/error.ts";
import type { Connection } from "./database.ts";

export interface UrlOptions {
  readonly url: string;
  readonly ssl?: boolean | Readonly<Record<string, unknown>>;
}

const tls = Type.Object(
  {
    ca: Type.Optional(
      Type.String({
        description: "PEM of the authority that signed the server's certificate.",
        examples: ["${file:ca.pem}"],
      }),
    ),
    cert: Type.Optional(Type.String({ description: "PEM of the client's certificate." })),
    key: Type.Optional(Type.String({ description: "PEM of the client's key." })),
    servername: Type.Optional(Type.String()),
    rejectUnauthorized: Type.Optional(
      Type.Boolean({
        description: "false accepts any certificate: the connection is then private, but not proven.",
      }),
    ),
  },
  { additionalProperties: false },
);

export const urlOptions = {
  url: Type.String({
    pattern: "^postgres(ql)?://",
    examples: ["postgres://user:password@host:5432/database"],
  }),
  ssl: Type.Optional(Type.Union([Type.Boolean(), tls])),
};

export function readUrl(name: string, { url, ssl }: UrlOptions): Connection {
  const fault = (what: string, cause?: unknown): XcoreError =>
    new XcoreError("CONFIG_INVALID", `services.${name}.url: ${what}`, {
      hint: "Write postgres://user:password@host:5432/database; characters such as @ or / in a password as %40, %2F.",
      cause,
    });
  const mode = /[?&]sslmode=([^&#]*)/.exec(url)?.[1];
  if (mode !== undefined && !modes.has(mode)) {
    throw new XcoreError("CONFIG_INVALID", `services.${name}.url: there is no sslmode '${mode}' here`, {
      hint: `Write sslmode=verify-full (require and verify-ca mean the same), no-verify or disable; or services.${name}.ssl instead.`,
    });
  }
  let client: Client;
  try {
    client = new Client({
      connectionString: url.replace(/([?&]sslmode=)(require|verify-ca)(?=[&#]|$)/, "$1verify-full"),
    });
  } catch (error) {
    const file = /[?&](sslrootcert|sslcert|sslkey)=/.test(url) ? systemCode(error) : undefined;
    if (file !== undefined) throw fault(`a file that it names can't be read: ${messageOf(error)}`, error);
    // The library's own message holds the whole URL, password included.
    throw fault("it can't be read");
  }
  const { host, port, user, password, database } = client;
  if (user === undefined || database === undefined || host === "")
    throw fault("user, host or database is missing");
  const parsed = (client as { ssl?: boolean | object }).ssl;
  const wanted = ssl ?? (parsed === false ? undefined : parsed);
  return { host, port, user, password: password ?? undefined, database, ssl: verifying(wanted, host) };
}

/** Stricter than libpq: whoever asks for TLS gets a server that has proved its name, unless the address says otherwise. */
const modes = new Set(["disable", "no-verify", "require", "verify-ca", "verify-full"]);

/** Node holds the certificate of a server that is reached by its address against 'localhost', unless told. */
function verifying(ssl: boolean | object | undefined, host: string): boolean | object | undefined {
  if (ssl === undefined || ssl === false || isIP(host) === 0) return ssl;
  return { host, ...(ssl === true ? {} : ssl) };
}
