// The jobs' own connections. Other users of a pool change how types are read, and Agenda breaks on that.
import { Pool, type PoolConfig } from "pg";
import { messageOf } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { Connection } from "../database/database.ts";
import { ensureJobsTable, jobsSchema } from "./schema.ts";

const statementMs = 5_000;

/** A pool whose connections see the table of jobs, which is made where it is missing. */
export async function openJobsPool(connection: Connection, logger: Logger): Promise<Pool> {
  const { host, port, user, database, password, ssl } = connection;
  const settings: PoolConfig = {
    host,
    port,
    user,
    database,
    ...(password === undefined ? {} : { password }),
    ...(ssl === undefined ? {} : { ssl }),
    max: 4,
    connectionTimeoutMillis: 5000,
    keepAlive: true,
    application_name: "xcore jobs",
  };
  // Making an index may take its time.
  const making = new Pool({ ...settings, max: 2 });
  making.on("error", () => undefined);
  try {
    await ensureJobsTable(making);
  } finally {
    await making.end();
  }
  const pool = new Pool({
    ...settings,
    // A connection whose other end has gone without a word would hold a look or a claim for ever.
    query_timeout: statementMs,
    onConnect: (client) => client.query(`SET search_path = ${jobsSchema}`),
  });
  pool.on("error", (error) =>
    logger.warn({ error: messageOf(error) }, "jobs lost a connection to the database"),
  );
  return pool;
}
