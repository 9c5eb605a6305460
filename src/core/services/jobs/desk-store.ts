// What people see of single jobs and do with them, in SQL.
import type { Pool } from "pg";
import { XcoreError } from "../../base/error.ts";
import type { JobDetail, JobSchedule } from "./jobs.ts";
import {
  detailColumns,
  detailOf,
  scheduleColumns,
  scheduleOf,
  type DetailRow,
  type ScheduleRow,
} from "./rows.ts";

import type { Enqueuer } from "./store.ts";

const leastId = "00000000-0000-0000-0000-000000000000";
const mostId = "ffffffff-ffff-ffff-ffff-ffffffffffff";
const idStart = /^[0-9a-f-]{4,36}$/;

const itsOwn = `($2::text IS NULL OR starts_with(name, $2) AND data->>'tenant' IS NOT DISTINCT FROM $3::text)`;

export class DeskStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** The job of this id, or of the only id that begins so. */
  async find(id: string): Promise<JobDetail> {
    const given = id.toLowerCase();
    const low = given + leastId.slice(given.length);
    const high = given + mostId.slice(given.length);
    if (!idStart.test(given) || !isUuid(low)) {
      throw new XcoreError("INPUT_INVALID", `'${id.slice(0, 60)}' is no id of a job`, {
        hint: "An id, or its first characters, stands in the last column of: xcore job list",
      });
    }
    const { rows } = await this.#pool.query<DetailRow>(
      `SELECT ${detailColumns} FROM jobs WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT 2`,
      [low, high],
    );
    const [row, other] = rows;
    if (row === undefined) {
      throw new XcoreError("JOB_NOT_FOUND", `there is no job with the id '${id}'`, {
        hint: "See what there is with: xcore job list",
      });
    }
    if (other === undefined) return detailOf(row);
    throw new XcoreError("INPUT_INVALID", `more than one job's id begins with '${id}'`, {
      hint: "Give more of it: xcore job list --json shows whole ids.",
    });
  }

  /** What became of it: null when there was nothing to cancel. With `by`, only a job that was enqueued so. */
  async cancel(id: string, by: Enqueuer | undefined): Promise<"ended" | "running" | null> {
    // In two statements, the second of which finds what was claimed between them.
    const values = [id, by === undefined ? null : `${by.plugin}.`, by?.tenant ?? null];
    const waiting = await this.#pool.query(
      `UPDATE jobs SET next_run_at = NULL, cancelled = true, last_finished_at = now(), failed_at = now(),
         fail_reason = 'cancelled before it ran'
       WHERE id = $1 AND ${itsOwn} AND type = 'normal'
         AND locked_at IS NULL AND next_run_at IS NOT NULL`,
      values,
    );
    if (waiting.rowCount === 1) return "ended";
    const running = await this.#pool.query(
      `UPDATE jobs SET cancelled = true
       WHERE id = $1 AND ${itsOwn} AND locked_at IS NOT NULL`,
      values,
    );
    return running.rowCount === 1 ? "running" : null;
  }

  /** Whether it could be put back: not while another one of its unique key waits. */
  async retry(id: string): Promise<boolean> {
    const { rowCount } = await this.#pool.query(
      `UPDATE jobs SET next_run_at = now(), cancelled = false, progress = NULL, progress_note = NULL,
         data = jsonb_set(data, '{attempt}', '0')
       WHERE id = $1 AND type = 'normal' AND locked_at IS NULL AND next_run_at IS NULL AND failed_at IS NOT NULL
         AND NOT EXISTS (SELECT FROM jobs AS twin WHERE twin.name = jobs.name AND twin.data ? 'unique'
           AND twin.data->>'unique' = jobs.data->>'unique' AND twin.next_run_at IS NOT NULL
           AND twin.data->>'tenant' IS NOT DISTINCT FROM jobs.data->>'tenant')`,
      [id],
    );
    return rowCount === 1;
  }

  async pause(name: string): Promise<void> {
    await this.#pool.query(`INSERT INTO paused_jobs (name) VALUES ($1) ON CONFLICT DO NOTHING`, [name]);
  }

  async resume(name: string): Promise<void> {
    await this.#pool.query(`DELETE FROM paused_jobs WHERE name = $1`, [name]);
  }

  /** Names of a plugin's jobs that are paused or of which something is kept. */
  async namesOf(plugin: string): Promise<string[]> {
    const { rows } = await this.#pool.query<{ name: string }>(
      `SELECT name FROM paused_jobs WHERE starts_with(name, $1)
       UNION SELECT name FROM jobs WHERE starts_with(name, $1) AND type = 'single'`,
      [`${plugin}.`],
    );
    return rows.map(({ name }) => name.slice(plugin.length + 1));
  }

  async schedules(plugin: string | undefined): Promise<JobSchedule[]> {
    const { rows } = await this.#pool.query<ScheduleRow>(
      `SELECT ${scheduleColumns} FROM jobs WHERE type = 'single' AND next_run_at IS NOT NULL
         AND ($1::text IS NULL OR starts_with(name, $1)) ORDER BY next_run_at, name`,
      [plugin === undefined ? null : `${plugin}.`],
    );
    return rows.map(scheduleOf);
  }
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}
