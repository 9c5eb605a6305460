// A further database by a name of its own: connections for services that need it. Nothing of the core's is put into it, and no plugin reaches it.
import { Client, Pool } from "pg";
import { Type } from "typebox";
import { withDeadline } from "../../base/deadline.ts";
import { messageOf } from "../../base/error.ts";
import type { Provider, Service } from "../service.ts";
import type { Connection } from "./database.ts";
import { commonOptions } from "./options.ts";
import { notReachable, readUrl, urlOptions, type UrlOptions } from "./postgres-url.ts";

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
    await client.end();
    const pool = new Pool({
      ...connection,
      max: options.poolSize,
      connectionTimeoutMillis: 5_000,
      application_name: "xcore",
    });
    pool.on("error", (error) => logger.warn({ error: messageOf(error) }, "a database connection was lost"));
    return {
      driver: "postgres",
      connection,
      pool,
      async check(timeoutMs) {
        const started = performance.now();
        try {
          const { rows } = await withDeadline(pool.query<{ server_version: string }>("show server_version"), {
            ms: timeoutMs,
            code: "SERVICE_UNAVAILABLE",
            message: `no answer within ${timeoutMs} ms`,
          });
          const detail = `Postgres ${(rows[0]?.server_version ?? "").split(" ")[0]}`;
          return { ok: true, latencyMs: performance.now() - started, detail };
        } catch (error) {
          return { ok: false, latencyMs: performance.now() - started, detail: messageOf(error) };
        }
      },
      forPlugin: async () => ({ calls: {}, async [Symbol.asyncDispose]() {} }),
      [Symbol.asyncDispose]: () => pool.end(),
    };
  },
};
