// What is kept of jobs in the database, apart from how Agenda claims and finishes them.
import type { Pool } from "pg";
import type { Json } from "../../../wire/json.ts";
import { withLock } from "../database/core-schema.ts";
import { eventJob } from "./event-job.ts";
import { laneOf } from "./lane.ts";
import { jobStates, type JobCounts, type JobSummary } from "./jobs.ts";
import { stateOf, summaryColumns, summaryOf, type Envelope, type SummaryRow } from "./rows.ts";
import type { Schedule } from "./schedule.ts";

export interface NewJob {
  /** `plugin.job` */
  name: string;
  payload: Json;
  runAt: Date;
  priority: number;
  unique: string | undefined;
  /** Of one name, lane and tenant one runs at a time, in the order in which they were added; see `lane.ts`. */
  lane?: string | undefined;
}

/** Who may touch a job: the plugin that enqueued it, in calls of the same tenant. */
export interface Enqueuer {
  plugin: string;
  tenant: string | undefined;
}

export interface NewSchedule extends Schedule {
  name: string;
  firstRunAt: Date;
}

export class JobStore {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /** With `unique`, the id of the job of that key that waits already, if one does. */
  async add(job: NewJob, tenant: string | undefined): Promise<string> {
    const { name, payload, runAt, priority, unique, lane } = job;
    const envelope: Envelope = {
      payload,
      attempt: 0,
      ...(unique === undefined ? {} : { unique }),
      ...(tenant === undefined ? {} : { tenant }),
    };
    const text = `INSERT INTO jobs (name, priority, next_run_at, type, data, lane) VALUES ($1, $2, $3, 'normal', $4, $5) RETURNING id`;
    const values = [name, priority, runAt, JSON.stringify(envelope), laneOf(lane, tenant)];
    if (unique === undefined) {
      const { rows } = await this.#pool.query<{ id: string }>(text, values);
      return rows[0]?.id ?? "";
    }
    // Look and insert are two statements: without the lock two callers would both see nothing.
    return withLock(this.#pool, `job ${name}`, async (client) => {
      const waiting = await client.query<{ id: string }>(
        `SELECT id FROM jobs WHERE name = $1 AND data->>'unique' = $2 AND data ? 'unique'
           AND data->>'tenant' IS NOT DISTINCT FROM $3 AND next_run_at IS NOT NULL LIMIT 1`,
        [name, unique, tenant ?? null],
      );
      const found = waiting.rows[0] ?? (await client.query<{ id: string }>(text, values)).rows[0];
      return found?.id ?? "";
    });
  }

  /** Makes the schedules of a plugin exactly these. One that is unchanged keeps its next run. */
  async setSchedules(plugin: string, schedules: readonly NewSchedule[]): Promise<void> {
    const names = schedules.map((schedule) => schedule.name);
    await this.#pool.query(
      `DELETE FROM jobs WHERE type = 'single' AND starts_with(name, $1) AND NOT name = ANY($2)`,
      [`${plugin}.`, names],
    );
    if (schedules.length === 0) return;
    await this.#pool.query(
      `INSERT INTO jobs (name, type, next_run_at, repeat_interval, repeat_timezone, data)
       SELECT name, 'single', first, every, zone, '{"payload": null, "attempt": 0}'
       FROM unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[]) AS s (name, first, every, zone)
       ON CONFLICT ((name)) WHERE type = 'single' DO UPDATE SET
         next_run_at = CASE
           WHEN jobs.next_run_at IS NOT NULL
             AND jobs.repeat_interval IS NOT DISTINCT FROM EXCLUDED.repeat_interval
             AND jobs.repeat_timezone IS NOT DISTINCT FROM EXCLUDED.repeat_timezone
           THEN jobs.next_run_at ELSE EXCLUDED.next_run_at END,
         repeat_interval = EXCLUDED.repeat_interval,
         repeat_timezone = EXCLUDED.repeat_timezone`,
      [
        names,
        schedules.map((schedule) => schedule.firstRunAt),
        schedules.map((schedule) => schedule.interval),
        schedules.map((schedule) => schedule.timezone ?? null),
      ],
    );
  }

  /** Jobs of a queue (as `queueOf` says it) that wait, counted no further than `most`. */
  async countWaiting(queue: string, most: number): Promise<number> {
    const { rows } = await this.#pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (SELECT 1 FROM jobs
         WHERE (name = $1 OR (starts_with(name, $3) AND name <> $4))
           AND type = 'normal' AND next_run_at IS NOT NULL LIMIT $2) AS waiting`,
      [queue, most, `${queue}.`, `${queue}.${eventJob}`],
    );
    return rows[0]?.count ?? 0;
  }

  /** The same of a tenant, whichever plugin they belong to. */
  async countWaitingOf(tenant: string, most: number): Promise<number> {
    const { rows } = await this.#pool.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (SELECT 1 FROM jobs
         WHERE data->>'tenant' = $1 AND data ? 'tenant' AND next_run_at IS NOT NULL LIMIT $2) AS waiting`,
      [tenant, most],
    );
    return rows[0]?.count ?? 0;
  }

  /** One job for each tenant, each with a key of its own; those that are there already are left as they are. */
  async spread(name: string, key: string, tenants: readonly string[]): Promise<void> {
    await this.#pool.query(
      `INSERT INTO jobs (name, priority, next_run_at, type, data)
       SELECT $1::text, 0, now(), 'normal', jsonb_build_object('payload', NULL, 'attempt', 0, 'tenant', tenant,
         'key', $2::text || '/' || tenant)
       FROM unnest($3::text[]) AS t (tenant) WHERE NOT EXISTS (
         SELECT FROM jobs WHERE jobs.name = $1::text AND data->>'key' = $2::text || '/' || tenant)`,
      [name, key, tenants],
    );
  }

  async removeTenant(tenant: string): Promise<void> {
    await this.#pool.query(`DELETE FROM jobs WHERE data->>'tenant' = $1 AND data ? 'tenant'`, [tenant]);
  }

  /** Agenda's own mark for what is not to be claimed. */
  async pauseTenant(tenant: string, paused: boolean): Promise<void> {
    await this.#pool.query(
      `UPDATE jobs SET disabled = $2 WHERE data->>'tenant' = $1 AND data ? 'tenant' AND disabled <> $2`,
      [tenant, paused],
    );
  }

  async counts(): Promise<JobCounts> {
    const { rows } = await this.#pool.query<JobCounts>(
      `SELECT count(*) FILTER (WHERE state = 'waiting' AND type = 'normal')::int AS waiting,
              count(*) FILTER (WHERE state = 'running')::int AS running,
              count(*) FILTER (WHERE state = 'failed')::int AS failed
       FROM (SELECT type, ${stateOf} AS state FROM jobs) AS states`,
    );
    return rows[0] ?? { waiting: 0, running: 0, failed: 0 };
  }

  async list(filter: { plugin?: string; state?: string; limit: number }): Promise<JobSummary[]> {
    const { rows } = await this.#pool.query<SummaryRow>(
      `SELECT * FROM (
         SELECT ${summaryColumns}, coalesce(last_finished_at, last_run_at, created_at) AS touched
         FROM jobs WHERE $1::text IS NULL OR starts_with(name, $1 || '.')) AS listed
       WHERE $2::text IS NULL OR state = $2
       ORDER BY array_position($4::text[], state),
         CASE WHEN next_run_at IS NOT NULL THEN next_run_at END, touched DESC, id
       LIMIT $3`,
      [filter.plugin ?? null, filter.state ?? null, filter.limit, jobStates],
    );
    return rows.map(summaryOf);
  }

  async removePlugin(plugin: string): Promise<void> {
    await this.#pool.query(`DELETE FROM jobs WHERE starts_with(name, $1)`, [`${plugin}.`]);
    await this.#pool.query(`DELETE FROM paused_jobs WHERE starts_with(name, $1)`, [`${plugin}.`]);
  }
}
