// The health of a pool of connections, and what is done about connections whose other end has gone without a word.
import type { Pool, QueryConfig } from "pg";
import { withDeadline } from "../../base/deadline.ts";
import { messageOf } from "../../base/error.ts";
import type { Health } from "../service.ts";

/** A real round trip on a connection of the pool. One that gives no answer in time is closed, and so are those that lie idle. */
export async function checkPool(pool: Pool, timeoutMs: number, connected: string): Promise<Health> {
  const started = performance.now();
  const health = (ok: boolean, detail: string): Health => ({
    ok,
    latencyMs: performance.now() - started,
    detail,
  });
  try {
    // The pool closes a connection whose statement has timed out.
    const probe: QueryConfig & { query_timeout: number } = { text: "select 1", query_timeout: timeoutMs };
    await withDeadline(pool.query(probe), {
      ms: timeoutMs,
      code: "SERVICE_UNAVAILABLE",
      message: `no answer within ${timeoutMs} ms`,
    });
    return health(true, connected);
  } catch (error) {
    dropIdle(pool);
    return health(false, messageOf(error));
  }
}

/**
 * Closes the connections that nobody uses. After a network or a machine has failed some of them may be half-open: a statement
 * on one would wait for an answer that never comes.
 */
export function dropIdle(pool: Pool): void {
  if (pool.ending) return;
  for (let count = pool.idleCount; count > 0; count -= 1) {
    pool.connect().then(
      (client) => client.release(true),
      () => undefined,
    );
  }
}
