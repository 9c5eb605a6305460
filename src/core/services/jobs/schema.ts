// The table of jobs, in the core's own schema: Agenda's columns with indexes for how they are claimed here.
// Made by ourselves, since Agenda's own way fails when two processes start at the same time.
import { getCreateTableSQL } from "@agendajs/postgres-backend";
import type { Pool } from "pg";
import { withLock } from "../database/core-schema.ts";
import { laneStatements } from "./lane.ts";

export const jobsSchema = "xcore";
export const jobsTable = "jobs";

const version = "xcore jobs 4";

const statements = [
  `SET LOCAL search_path = ${jobsSchema}`,
  getCreateTableSQL(jobsTable),
  `ALTER TABLE jobs ADD COLUMN IF NOT EXISTS progress_note text,
     ADD COLUMN IF NOT EXISTS cancelled boolean NOT NULL DEFAULT false`,
  `CREATE TABLE IF NOT EXISTS paused_jobs (name text PRIMARY KEY, paused_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE UNIQUE INDEX IF NOT EXISTS jobs_schedule ON jobs (name) WHERE type = 'single'`,
  ...laneStatements,
  `DROP INDEX IF EXISTS jobs_claim, jobs_due`,
  `CREATE INDEX IF NOT EXISTS jobs_claimable ON jobs (name, priority DESC, next_run_at)
     WHERE locked_at IS NULL AND next_run_at IS NOT NULL AND NOT disabled AND NOT held`,
  `CREATE INDEX IF NOT EXISTS jobs_next ON jobs (name, next_run_at)
     WHERE locked_at IS NULL AND next_run_at IS NOT NULL AND NOT disabled AND NOT held`,
  `CREATE INDEX IF NOT EXISTS jobs_locked ON jobs (locked_at) WHERE locked_at IS NOT NULL`,
  `CREATE INDEX IF NOT EXISTS jobs_unique ON jobs (name, (data->>'unique'))
     WHERE next_run_at IS NOT NULL AND data ? 'unique'`,
  `CREATE INDEX IF NOT EXISTS jobs_tenant ON jobs ((data->>'tenant'), name) WHERE data ? 'tenant'`,
  `DROP INDEX IF EXISTS jobs_history`,
  `CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (name, (failed_at IS NULL), last_finished_at)
     WHERE next_run_at IS NULL AND locked_at IS NULL AND type = 'normal'`,
  `COMMENT ON TABLE jobs IS '${version}'`,
];

export async function ensureJobsTable(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ made: string | null }>(
    "SELECT obj_description(to_regclass($1), 'pg_class') AS made",
    [`${jobsSchema}.${jobsTable}`],
  );
  if (rows[0]?.made === version) return;
  await withLock(pool, "jobs table", async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}
