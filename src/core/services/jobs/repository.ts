// How jobs are claimed and finished: Agenda's repository with the database's clock, an owner on every lock, attempts
// counted where they begin, priorities that count, and one look for all names instead of one for each.
import { PostgresJobRepository } from "@agendajs/postgres-backend";
import { toJobId, type JobId, type JobParameters } from "agenda";
import type { Pool } from "pg";
import { sleep } from "../../base/deadline.ts";
import { systemCode } from "../../base/error.ts";
import type { Backoff } from "./backoff.ts";
import { databaseNow, type DatabaseClock } from "./database-clock.ts";
import { firstRun } from "./schedule.ts";
import { jobsTable } from "./schema.ts";
import type { Envelope } from "./rows.ts";

export interface RepositoryOptions {
  pool: Pool;
  clock: DatabaseClock;
  /** Names this process, on its locks. */
  owner: string;
  lockLifetimeMs: number;
  /** How far ahead a look announces jobs by `soon`. */
  aheadMs: number;
  /** The names that are claimed here now. */
  claimable: () => readonly string[];
  /** A job of this name is due in `ms`. */
  soon: (name: string, ms: number) => void;
}

/** What a run tells the repository, on the job's data, in memory only. */
export interface RunEnvelope extends Envelope {
  /** Tries after the first one, as the plan said when it began: its plugin may be gone when it fails. */
  retries?: number;
  backoff?: Backoff;
  /** It failed and is tried again. */
  retry?: boolean;
  /** It did not run: it goes back as if it had not been claimed. */
  giveBack?: boolean;
  /** Somebody has cancelled it. */
  cancelled?: boolean;
  /** What its handler said last of its progress. */
  note?: string;
}

interface JobRow {
  id: string;
  name: string;
  priority: number;
  type: "normal" | "single";
  data: Envelope;
  repeat_interval: string | null;
  repeat_timezone: string | null;
  fail_count: number | null;
}

/** Agenda judges a lock by its own copy of this; the real one is in the database, renewed and judged there. */
const neverExpires = new Date(8.64e15);
const returned = "id, name, priority, type, data, repeat_interval, repeat_timezone, fail_count";

export class ClaimingRepository extends PostgresJobRepository {
  readonly #options: RepositoryOptions;
  readonly #certain = new Set<string>();
  #look: Promise<Map<string, { stale: boolean }>> | undefined;

  constructor(options: RepositoryOptions) {
    super({ pool: options.pool, tableName: jobsTable, ensureSchema: false });
    this.#options = options;
  }

  override connect(): Promise<void> {
    return Promise.resolve();
  }

  /** The next look for this name asks the table itself, not a look that may be older than the job. */
  expect(name: string): void {
    this.#certain.add(name);
  }

  override async getNextJobToRun(name: string): Promise<JobParameters | undefined> {
    if (!this.#options.claimable().includes(name)) return undefined;
    const certain = this.#certain.delete(name);
    const due = certain ? { stale: false } : (await this.#lookOnce()).get(name);
    if (due === undefined) return undefined;
    const row = due.stale ? await this.#claimStale(name) : await this.#claim(name);
    if (row === undefined) return undefined;
    if (!due.stale) this.#certain.add(name);
    if (this.#options.claimable().includes(name)) return parametersOf(row);
    await this.unlockJobs([row.id]);
    return undefined;
  }

  override async saveJobState(job: JobParameters<RunEnvelope>): Promise<void> {
    if (job.lockedAt !== undefined) return this.#begin(job);
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#finish(job);
      } catch (error) {
        // A run whose end is not written runs again: worth some patience with a database that restarts.
        if (tries === 5 || systemCode(error) === "JOB_LOST") throw error;
        await sleep(200 * 2 ** tries);
      }
    }
  }

  override async unlockJob(job: JobParameters): Promise<void> {
    if (job._id !== undefined) await this.unlockJobs([job._id]);
  }

  /** Never rejects: Agenda calls it without waiting; what stays locked is claimed again when the lock is old. */
  override async unlockJobs(ids: (JobId | string)[]): Promise<void> {
    if (ids.length === 0) return;
    await this.#options.pool
      .query(
        `UPDATE jobs SET locked_at = NULL
         WHERE id = ANY($1::uuid[]) AND last_modified_by = $2 AND next_run_at IS NOT NULL`,
        [ids, this.#options.owner],
      )
      .catch(() => undefined);
  }

  /** Names with due jobs. Looks that are asked for at the same time are one. */
  async #lookOnce(): Promise<Map<string, { stale: boolean }>> {
    this.#look ??= this.#lookForAll().finally(() => (this.#look = undefined));
    return this.#look;
  }

  async #lookForAll(): Promise<Map<string, { stale: boolean }>> {
    const { pool, clock, claimable, aheadMs, lockLifetimeMs, soon } = this.#options;
    const asked = performance.now();
    const { rows } = await pool.query<{ name: string | null; ms: number; stale: boolean }>(
      `SELECT name, ms, false AS stale FROM (
         SELECT name, (SELECT extract(epoch FROM next_run_at - now())::float8 * 1000 FROM jobs
           WHERE jobs.name = names.name AND NOT disabled AND NOT held AND locked_at IS NULL AND next_run_at IS NOT NULL
           ORDER BY next_run_at LIMIT 1) AS ms
         FROM unnest($1::text[]) AS names (name)
         WHERE NOT EXISTS (SELECT FROM paused_jobs WHERE paused_jobs.name = names.name)) AS next WHERE ms <= $2
       UNION ALL
       SELECT DISTINCT name, 0, true FROM jobs
         WHERE locked_at <= now() - $3 * interval '1 ms' AND NOT disabled AND name = ANY($1)
       UNION ALL SELECT NULL, ${databaseNow}, false`,
      [claimable(), aheadMs, lockLifetimeMs],
    );
    const due = new Map<string, { stale: boolean }>();
    for (const { name, ms, stale } of rows) {
      if (name === null) clock.set(ms, asked);
      else if (ms > 0) soon(name, ms);
      else due.set(name, { stale });
    }
    return due;
  }

  async #claim(name: string): Promise<JobRow | undefined> {
    const { rows } = await this.#options.pool.query<JobRow>(
      `UPDATE jobs SET locked_at = now(), last_modified_by = $2 WHERE id = (
         SELECT id FROM jobs WHERE name = $1 AND NOT disabled AND NOT held AND locked_at IS NULL AND next_run_at <= now()
           AND NOT EXISTS (SELECT FROM paused_jobs WHERE name = $1)
         ORDER BY priority DESC, next_run_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ${returned}`,
      [name, this.#options.owner],
    );
    return rows[0];
  }

  /** A job whose process has gone: it is due at once, also when it belongs to a schedule. A paused one only goes back. */
  async #claimStale(name: string): Promise<JobRow | undefined> {
    const { rows } = await this.#options.pool.query<JobRow & { claimed: boolean }>(
      `UPDATE jobs SET last_modified_by = $2, next_run_at = now(),
         locked_at = CASE WHEN EXISTS (SELECT FROM paused_jobs WHERE name = $1) THEN NULL ELSE now() END
       WHERE id = (
         SELECT id FROM jobs WHERE name = $1 AND locked_at <= now() - $3 * interval '1 ms' AND NOT disabled
         ORDER BY locked_at LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING ${returned}, locked_at IS NOT NULL AS claimed`,
      [name, this.#options.owner, this.#options.lockLifetimeMs],
    );
    return rows[0]?.claimed === true ? rows[0] : undefined;
  }

  async #begin(job: JobParameters<RunEnvelope>): Promise<void> {
    const { rows } = await this.#options.pool.query<{ data: Envelope; cancelled: boolean }>(
      `UPDATE jobs SET locked_at = now(), last_run_at = $3, next_run_at = $4, progress = NULL, progress_note = NULL,
         data = data || jsonb_build_object('attempt', (data->>'attempt')::int + 1, 'occurrence',
           CASE WHEN (data->>'attempt')::int = 0 THEN to_jsonb(next_run_at) ELSE data->'occurrence' END)
       WHERE id = $1 AND last_modified_by = $2 AND locked_at IS NOT NULL RETURNING data, cancelled`,
      [job._id, this.#options.owner, this.#options.clock.at(job.lastRunAt), this.#nextRun(job)],
    );
    if (rows[0] === undefined) throw lost(job);
    job.data = { ...rows[0].data, cancelled: rows[0].cancelled };
  }

  /** When a schedule's next occurrence is due. Agenda's own answer comes from this machine's clock. */
  #nextRun({ type, repeatInterval, repeatTimezone, nextRunAt }: JobParameters): Date | null | undefined {
    const { clock } = this.#options;
    if (type !== "single" || repeatInterval === undefined) return clock.at(nextRunAt);
    return firstRun({ interval: String(repeatInterval), timezone: repeatTimezone }, clock.now());
  }

  async #finish(job: JobParameters<RunEnvelope>): Promise<void> {
    const { pool, clock, owner } = this.#options;
    const { giveBack = false, retry = false } = job.data ?? {};
    if (giveBack) return this.#giveBack(job);
    const failed = job.failedAt !== undefined && job.failedAt.getTime() === job.lastFinishedAt?.getTime();
    const progress = job.progress === undefined || failed ? job.progress : 1;
    const outcome = [
      job._id,
      owner,
      clock.at(job.lastFinishedAt),
      failed ? clock.at(job.failedAt) : null,
      failed ? (job.failReason ?? "").slice(0, 4000) : null,
      failed ? job.failCount : 0,
      progress ?? null,
      job.data?.note ?? null,
      failed && job.data?.cancelled === true,
    ];
    const ended = job.type === "single" && !retry;
    const { rowCount } = await pool.query(
      ended ? finishOccurrence : finishJob,
      ended ? [...outcome, historyData(job)] : [...outcome, clock.at(job.nextRunAt)],
    );
    // A schedule may have been removed while it ran.
    if (rowCount !== 1 && job.type !== "single") throw lost(job);
  }

  /** As if it had not been claimed. */
  async #giveBack(job: JobParameters): Promise<void> {
    const { rowCount } = await this.#options.pool.query(
      `UPDATE jobs SET locked_at = NULL, next_run_at = now(),
         data = jsonb_set(data, '{attempt}', to_jsonb(greatest((data->>'attempt')::int - 1, 0)))
       WHERE id = $1 AND last_modified_by = $2 AND locked_at IS NOT NULL`,
      [job._id, this.#options.owner],
    );
    if (rowCount !== 1) throw lost(job);
  }
}

const finish = `UPDATE jobs SET locked_at = NULL, last_finished_at = $3, failed_at = $4, fail_reason = $5, fail_count = $6,
  progress = $7, progress_note = $8`;
const ours = "WHERE id = $1 AND last_modified_by = $2 AND locked_at IS NOT NULL";

const finishJob = `${finish}, cancelled = $9, next_run_at = $10 ${ours}`;

/** The schedule goes on with its next occurrence; this one becomes history, where it can be retried if it failed. */
const finishOccurrence = `WITH finished AS (
    ${finish}, cancelled = false, data = data || '{"attempt": 0}' ${ours} RETURNING *)
  INSERT INTO jobs (name, priority, type, data, last_run_at, last_finished_at, failed_at, fail_reason, fail_count,
    progress, progress_note, cancelled)
  SELECT name, priority, 'normal', $10, last_run_at, $3, $4, $5, $6, $7, $8, $9 FROM finished`;

function historyData({ _id, data }: JobParameters<RunEnvelope>): Envelope {
  const { payload = null, attempt = 1, occurrence } = data ?? {};
  return { payload, attempt, key: `${String(_id)}@${String(occurrence)}` };
}

function parametersOf(row: JobRow): JobParameters {
  return {
    _id: toJobId(row.id),
    name: row.name,
    priority: row.priority,
    type: row.type,
    nextRunAt: new Date(),
    lockedAt: neverExpires,
    data: row.data,
    ...(row.repeat_interval === null ? {} : { repeatInterval: row.repeat_interval }),
    ...(row.repeat_timezone === null ? {} : { repeatTimezone: row.repeat_timezone }),
    ...(row.fail_count === null ? {} : { failCount: row.fail_count }),
  };
}

function lost(job: JobParameters): Error {
  return Object.assign(
    new Error(`job ${job.name} (${String(job._id)}) is no longer locked by this process`),
    {
      code: "JOB_LOST",
    },
  );
}
