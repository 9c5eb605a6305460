// Rows of the table of jobs as people are shown them.
import type { Json } from "../../../wire/json.ts";
import { formatDuration } from "../../base/units.ts";
import type { JobDetail, JobSchedule, JobState, JobSummary } from "./jobs.ts";

/** The `data` column: what the plugin gave, and what the core keeps beside it. */
export interface Envelope {
  payload: Json;
  /** Runs that were begun of this job, or of this occurrence of a schedule. */
  attempt: number;
  /** Which occurrence of a schedule is running. */
  occurrence?: string | null;
  unique?: string;
  tenant?: string;
  /** The idempotency key, where it is not the job's id: of an occurrence of a schedule that was kept as failed. */
  key?: string;
}

/** The state of a row, in SQL. */
export const stateOf = `CASE
  WHEN locked_at IS NOT NULL THEN 'running'
  WHEN next_run_at IS NOT NULL
    AND (disabled OR EXISTS (SELECT FROM paused_jobs WHERE paused_jobs.name = jobs.name)) THEN 'paused'
  WHEN next_run_at <= now() THEN 'waiting'
  WHEN next_run_at IS NOT NULL THEN 'scheduled'
  WHEN cancelled THEN 'cancelled'
  WHEN failed_at IS NOT NULL THEN 'failed'
  ELSE 'done' END`;

/** What `summaryOf` reads. */
export const summaryColumns = `id, name, data->>'tenant' AS tenant, ${stateOf} AS state, (data->>'attempt')::int AS attempt, progress, progress_note,
  next_run_at, last_run_at,
  CASE WHEN failed_at IS NOT NULL AND failed_at >= last_finished_at THEN fail_reason END AS error`;

/** What `detailOf` reads. */
export const detailColumns = `${summaryColumns}, type, data, priority, created_at, last_finished_at, locked_at`;

/** What `scheduleOf` reads. */
export const scheduleColumns = `${summaryColumns}, repeat_interval, repeat_timezone`;

export interface SummaryRow {
  id: string;
  name: string;
  tenant: string | null;
  state: JobState;
  attempt: number | null;
  progress: number | null;
  progress_note: string | null;
  next_run_at: Date | null;
  last_run_at: Date | null;
  error: string | null;
}

export interface DetailRow extends SummaryRow {
  type: "normal" | "single";
  data: Envelope;
  priority: number;
  created_at: Date;
  last_finished_at: Date | null;
  locked_at: Date | null;
}

export interface ScheduleRow extends SummaryRow {
  repeat_interval: string;
  repeat_timezone: string | null;
}

export function summaryOf(row: SummaryRow): JobSummary {
  return {
    id: row.id,
    ...namesOf(row),
    tenant: row.tenant,
    state: row.state,
    attempt: row.attempt ?? 0,
    progress: row.progress,
    note: row.progress_note,
    nextRunAt: timeOf(row.next_run_at),
    lastRunAt: timeOf(row.last_run_at),
    error: row.error,
  };
}

export function detailOf(row: DetailRow): JobDetail {
  const payload: Json = row.data.payload ?? null;
  return {
    ...summaryOf(row),
    key: row.type === "single" ? null : (row.data.key ?? row.id),
    data: payload,
    priority: row.priority,
    unique: row.data.unique ?? null,
    createdAt: row.created_at.toISOString(),
    finishedAt: timeOf(row.last_finished_at),
    heartbeatAt: timeOf(row.locked_at),
  };
}

export function scheduleOf(row: ScheduleRow): JobSchedule {
  const everyMs = Number(row.repeat_interval);
  return {
    ...namesOf(row),
    schedule: Number.isFinite(everyMs) ? `every ${formatDuration(everyMs)}` : row.repeat_interval,
    timezone: row.repeat_timezone,
    nextRunAt: timeOf(row.next_run_at) ?? "",
    lastRunAt: timeOf(row.last_run_at),
    paused: row.state === "paused",
    error: row.error,
  };
}

/** `plugin.job` taken apart: a plugin's name holds no dot. */
function namesOf({ name }: { name: string }): { plugin: string; name: string } {
  const dot = name.indexOf(".");
  return { plugin: name.slice(0, dot), name: name.slice(dot + 1) };
}

function timeOf(date: Date | null): string | null {
  return date?.toISOString() ?? null;
}
