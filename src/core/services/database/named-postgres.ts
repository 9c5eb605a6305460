// A further database by a name of its own: connections for services that need it. Nothing of the core's is put into it, and no plugin reaches it.
import { Client, Pool } from "pg";
import { Type } from "typebox";
import { messageOf } from "../../base/error.ts";
import type { Provider, Service } from "../service.ts";
import type { Connection } from "./database.ts";
import { commonOptions } from "./options.ts";
import { readUrl, urlOptions, type UrlOptions } from "./postgres-url.ts";
import { notReachable } from "./unreachable.ts";
import { checkPool } from "./round-trip.ts";

/** What a service that names it in `needs` is given. */
export interface NamedDatabase extends Service {
  readonly connection: Connection;
  readonly pool: Pool;
}

export const namedPostgres: Provider<UrlOptions & { readonly poolSize: number }> = {
  driver: "postgres",
  options: Type.Object({ ...urlOptions, poolSize: commonOptions.poolSize }, { additionalProperties: false }),
  needs: [],
  async open({ name, options, logger }): Promise<NamedDatabase> {
    const connection = readUrl(name, options);
    const client = new Client({ ...connection, connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    await client.connect().catch((error: unknown) => {
      throw notReachable(error, name, connection);
    });
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    const version = (rows[0]?.server_version ?? "").split(" ")[0];
    await client.end();
    const pool = new Pool({
      ...connection,
      max: options.poolSize,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
      application_name: "xcore",
    });
    pool.on("error", (error) => logger.warn({ error: messageOf(error) }, "a database connection was lost"));
    return {
      driver: "postgres",
      connection,
      pool,
      check: (timeoutMs) => checkPool(pool, timeoutMs, `Postgres ${version}`),
      forPlugin: async () => ({ calls: {}, async [Symbol.asyncDispose]() {} }),
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },
};
