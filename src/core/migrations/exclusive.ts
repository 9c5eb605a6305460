// Migrations of one owner run one after another, whichever process wants them.
import { Client } from "pg";
import { XcoreError } from "../base/error.ts";
import { SerialQueue } from "../base/queue.ts";
import { sqlState } from "../services/database/failures.ts";
import type { DatabaseService } from "../services/database/database.ts";

const waitMs = 10 * 60_000;

/**
 * Runs `work` alone; a second process waits until it is done. The lock lives on a session of its own: taken from the
 * core's pool, many plugins that wait for theirs could use up the sessions that the one at work needs.
 */
export async function exclusively<T>(
  database: DatabaseService,
  owner: string,
  work: () => Promise<T>,
): Promise<T> {
  if (database.single === true) return inTurn(database, owner, work);
  const name = `migrations:${owner}`;
  const client = new Client({ ...database.connection, application_name: "xcore migrations" });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("insert into xcore.locks (name) values ($1) on conflict do nothing", [name]);
    await client.query("begin");
    await client.query(`set local lock_timeout = ${waitMs}`);
    await client.query("set local idle_in_transaction_session_timeout = 0");
    await client
      .query("select from xcore.locks where name = $1 for update", [name])
      .catch((error: unknown) => {
        if (sqlState(error) !== "55P03") throw error;
        throw new XcoreError(
          "LOCKED",
          `another process has been running migrations of ${owner} for ${waitMs / 60_000} minutes`,
          {
            hint: "Wait for it, or find out what it waits for: select * from pg_stat_activity.",
            cause: error,
          },
        );
      });
    return await work();
  } finally {
    await client.end().catch(() => undefined);
  }
}

const turns = new WeakMap<DatabaseService, Map<string, SerialQueue>>();

/** Where this process is the only one. */
function inTurn<T>(database: DatabaseService, owner: string, work: () => Promise<T>): Promise<T> {
  const queues = turns.get(database) ?? new Map<string, SerialQueue>();
  turns.set(database, queues);
  const queue = queues.get(owner) ?? new SerialQueue();
  queues.set(owner, queue);
  return queue.run(work);
}
