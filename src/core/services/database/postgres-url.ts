// A Postgres by URL: the options that name it, and the connection they mean.
import { Client } from "pg";
import { Type } from "typebox";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Connection } from "./database.ts";
import { sqlState } from "./failures.ts";

export interface UrlOptions {
  readonly url: string;
  readonly ssl?: boolean | Readonly<Record<string, unknown>>;
}

const tls = Type.Object(
  {
    ca: Type.Optional(
      Type.String({ description: "PEM of the authority that signed the server's certificate." }),
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
  let client: Client;
  try {
    client = new Client({ connectionString: url });
  } catch (error) {
    // The library's own message holds the whole URL, password included.
    throw fault("it can't be read", error);
  }
  const { host, port, user, password, database } = client;
  if (user === undefined || database === undefined || host === "")
    throw fault("user, host or database is missing");
  const parsed = (client as { ssl?: boolean | object }).ssl;
  const wanted = ssl ?? (parsed === false ? undefined : parsed);
  return { host, port, user, password: password ?? undefined, database, ssl: wanted };
}

export function notReachable(
  error: unknown,
  name: string,
  { host, port, user, database }: Connection,
): XcoreError {
  const where = `Postgres at ${host}:${port}, database '${database}', user '${user}'`;
  const hints: Readonly<Record<string, string>> = {
    "28P01": `Check user and password in services.${name}.url.`,
    "28000": "Check user and password, and the server's pg_hba.conf.",
    "3D000": `Create it: create database ${database}`,
    "53300": `The server has no free connection: lower services.${name}.poolSize, or raise max_connections.`,
  };
  const hint =
    hints[sqlState(error) ?? ""] ?? "Check that the server runs and that this machine may connect to it.";
  return new XcoreError("SERVICE_UNAVAILABLE", `${where}: ${messageOf(error)}`, { hint, cause: error });
}
