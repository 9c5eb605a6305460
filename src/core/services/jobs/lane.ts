// Lanes: jobs of one name and lane run one after another, in the order in which they were added. Only the first of a lane
// can be claimed, the others are held; whatever ends the first one frees the next. It is triggers that see to that: then
// it is done in the statement that adds or ends a job, and jobs without a lane pay nothing.
import type { Pool } from "pg";

/** Rows that are locked while a lane changes, one for all lanes of the same hash. */
const slots = 256;

const unfinished = (row: string): string =>
  `(${row}.next_run_at IS NOT NULL OR ${row}.locked_at IS NOT NULL)`;

export const laneStatements: readonly string[] = [
  `ALTER TABLE jobs ADD COLUMN IF NOT EXISTS lane text, ADD COLUMN IF NOT EXISTS turn bigint,
     ADD COLUMN IF NOT EXISTS held boolean NOT NULL DEFAULT false`,
  `CREATE SEQUENCE IF NOT EXISTS job_turns`,
  `CREATE TABLE IF NOT EXISTS job_lanes (slot int PRIMARY KEY)`,
  `INSERT INTO job_lanes (slot) SELECT generate_series(0, ${slots - 1}) ON CONFLICT DO NOTHING`,
  `CREATE INDEX IF NOT EXISTS jobs_lane ON jobs (name, lane, turn) WHERE lane IS NOT NULL AND ${unfinished("jobs")}`,
  `CREATE OR REPLACE FUNCTION lock_lane(job xcore.jobs) RETURNS void LANGUAGE sql AS $$
     SELECT FROM xcore.job_lanes WHERE slot = (hashtext(job.name || E'\\n' || job.lane) & ${slots - 1}) FOR UPDATE
   $$`,
  // The turn is taken under the lock, which lives until the commit: what is seen of a lane never lacks an earlier turn.
  // Each statement of a function looks anew, so what the lock waited for is seen as well.
  `CREATE OR REPLACE FUNCTION line_up_job() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
     IF TG_OP = 'UPDATE' AND (${unfinished("OLD")} OR NOT ${unfinished("NEW")}) THEN RETURN NEW; END IF;
     PERFORM xcore.lock_lane(NEW);
     NEW.turn := nextval('xcore.job_turns');
     NEW.held := EXISTS (SELECT FROM xcore.jobs WHERE name = NEW.name AND lane = NEW.lane AND ${unfinished("jobs")}
       AND id <> NEW.id);
     RETURN NEW;
   END $$`,
  // One that was held has nobody behind it who waits for it alone. Looks again when the next one was cancelled while this
  // waited for its row.
  `CREATE OR REPLACE FUNCTION free_next_job() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE following record; BEGIN
     IF OLD.held OR NOT ${unfinished("OLD")} OR ${unfinished("NEW")} THEN RETURN NULL; END IF;
     PERFORM xcore.lock_lane(NEW);
     LOOP
       SELECT id, held INTO following FROM xcore.jobs
         WHERE name = NEW.name AND lane = NEW.lane AND ${unfinished("jobs")} ORDER BY turn LIMIT 1;
       EXIT WHEN NOT FOUND OR NOT following.held;
       UPDATE xcore.jobs SET held = false WHERE id = following.id AND held AND ${unfinished("jobs")};
       EXIT WHEN FOUND;
     END LOOP;
     RETURN NULL;
   END $$`,
  // The conditions are short: Postgres reads them anew for each statement, also for jobs without a lane.
  `DROP TRIGGER IF EXISTS lane_added ON jobs`,
  `CREATE TRIGGER lane_added BEFORE INSERT ON jobs FOR EACH ROW WHEN (NEW.lane IS NOT NULL)
     EXECUTE FUNCTION line_up_job()`,
  // A dead letter that is tried again: those behind it have gone on, it goes to the end.
  `DROP TRIGGER IF EXISTS lane_revived ON jobs`,
  `CREATE TRIGGER lane_revived BEFORE UPDATE OF next_run_at ON jobs FOR EACH ROW WHEN (NEW.lane IS NOT NULL)
     EXECUTE FUNCTION line_up_job()`,
  `DROP TRIGGER IF EXISTS lane_ended ON jobs`,
  `CREATE TRIGGER lane_ended AFTER UPDATE OF next_run_at, locked_at ON jobs FOR EACH ROW WHEN (NEW.lane IS NOT NULL)
     EXECUTE FUNCTION free_next_job()`,
];

/** As the table keeps it: lanes of different tenants are different ones. */
export function laneOf(lane: string | undefined, tenant: string | undefined): string | null {
  return lane === undefined ? null : `${tenant ?? ""}\n${lane}`;
}

/** Frees the first of each lane whose first was deleted: removing a plugin or a tenant ends no job. */
export async function freeLanes(pool: Pool): Promise<void> {
  await pool.query(
    `UPDATE jobs SET held = false FROM (
       SELECT DISTINCT ON (name, lane) id, turn, held FROM jobs
       WHERE lane IS NOT NULL AND ${unfinished("jobs")} ORDER BY name, lane, turn) AS first
     WHERE jobs.id = first.id AND jobs.turn = first.turn AND first.held AND jobs.held`,
  );
}
