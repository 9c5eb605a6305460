// The table of jobs, in the core's own schema: Agenda's columns with indexes for how they are claimed here.
// Made by ourselves, since Agenda's own way fails when two processes start at the same time.
import { getCreateTableSQL } from "@agendajs/postgres-backend";
import type { Pool } from "pg";

export const jobsSchema = "xcore";
export const jobsTable = "jobs";

const version = "xcore jobs 1";
/** Any number that no other advisory lock of xcore uses. */
const lock = 7_236_401;

const statements = [
  `CREATE SCHEMA IF NOT EXISTS ${jobsSchema}`,
  `SET LOCAL search_path = ${jobsSchema}`,
  getCreateTableSQL(jobsTable),
  `CREATE UNIQUE INDEX IF NOT EXISTS jobs_schedule ON jobs (name) WHERE type = 'single'`,
  `CREATE INDEX IF NOT EXISTS jobs_claim ON jobs (name, priority DESC, next_run_at)
     WHERE locked_at IS NULL AND next_run_at IS NOT NULL AND NOT disabled`,
  `CREATE INDEX IF NOT EXISTS jobs_due ON jobs (name, next_run_at)
     WHERE locked_at IS NULL AND next_run_at IS NOT NULL AND NOT disabled`,
  `CREATE INDEX IF NOT EXISTS jobs_locked ON jobs (locked_at) WHERE locked_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS jobs_unique ON jobs (name, (data->>'unique'))
     WHERE next_run_at IS NOT NULL AND data ? 'unique'`,
  `CREATE INDEX IF NOT EXISTS jobs_history ON jobs (last_finished_at)
     WHERE next_run_at IS NULL AND locked_at IS NULL`,
  `COMMENT ON TABLE jobs IS '${version}'`,
];

export async function ensureJobsTable(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ made: string | null }>(
    "SELECT obj_description(to_regclass($1), 'pg_class') AS made",
    [`${jobsSchema}.${jobsTable}`],
  );
  if (rows[0]?.made === version) return;
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [lock]);
    for (const statement of statements) await client.query(statement);
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
