// What is kept of jobs that have ended, and for how long.
import type { Pool, QueryConfig } from "pg";

export interface Keep {
  doneMs: number;
  /** Failed and cancelled ones. */
  failedMs: number;
  /** The newest of each job, done and failed ones counted apart. */
  count: number;
}

const ended = "next_run_at IS NULL AND locked_at IS NULL AND type = 'normal'";
const atOnce = 5000;
/** After a long pause there is much to remove. */
const removeMs = 60_000;

/** Removes what is older or more than is kept, some thousand at once. */
export async function pruneHistory(pool: Pool, { doneMs, failedMs, count }: Keep): Promise<void> {
  for (let removed = atOnce; removed >= atOnce;) {
    const statement: QueryConfig & { query_timeout: number } = {
      text: remove,
      values: [doneMs, failedMs, count],
      query_timeout: removeMs,
    };
    const { rowCount } = await pool.query(statement);
    removed = rowCount ?? 0;
  }
}

const remove =
  // The names by a walk along the index: a list of all rows would be read each time.
  `WITH RECURSIVE names (name) AS (
       (SELECT name FROM jobs WHERE ${ended} ORDER BY name LIMIT 1)
       UNION ALL
       SELECT (SELECT jobs.name FROM jobs WHERE ${ended} AND jobs.name > names.name ORDER BY jobs.name LIMIT 1)
       FROM names WHERE names.name IS NOT NULL)
     DELETE FROM jobs WHERE id IN (
       SELECT old.id FROM names, (VALUES (true, $1::float8), (false, $2)) AS outcome (done, ms), LATERAL (
         (SELECT id FROM jobs WHERE ${ended} AND jobs.name = names.name AND (failed_at IS NULL) = done
            AND last_finished_at < now() - ms * interval '1 ms' LIMIT ${atOnce})
         UNION ALL
         (SELECT id FROM jobs WHERE ${ended} AND jobs.name = names.name AND (failed_at IS NULL) = done
          ORDER BY last_finished_at DESC OFFSET $3 LIMIT ${atOnce})) AS old)`;
