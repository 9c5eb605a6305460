// Jobs and schedules as people read them, tables within 80 columns.
import { styleText } from "node:util";
import { formatDuration } from "../../core/base/units.ts";
import type { Operations } from "../../core/index.ts";
import type { OutputStream } from "./status.ts";
import { oneLine, outputWidth, tableLines, truncate } from "./table.ts";

type JobSummary = Operations["job.list"]["result"][number];
type JobDetail = Operations["job.show"]["result"];
type JobSchedule = Operations["job.schedule"]["result"][number];

const columns = [
  { title: "JOB", shrinkTo: 12 },
  { title: "STATE" },
  { title: "TRIES", align: "right" },
  { title: "NEXT" },
  { title: "LAST" },
  { title: "ID" },
] as const;

const scheduleColumns = [
  { title: "JOB", shrinkTo: 12 },
  { title: "SCHEDULE", shrinkTo: 12 },
  { title: "NEXT" },
  { title: "LAST" },
] as const;

/** The table, and under it what went wrong with each job that has an error. Lines without a closing break. */
export function jobLines(jobs: readonly JobSummary[], stream: OutputStream, now: Date): string[] {
  const width = outputWidth(stream);
  const rows = jobs.map((job) => [
    nameOf(job),
    stateOf(job),
    String(job.attempt),
    when(job.nextRunAt, now),
    when(job.lastRunAt, now),
    job.id.slice(0, 8),
  ]);
  return [...tableLines(columns, rows, { width, heading: dim(stream) }), ...errorLines(jobs, width)];
}

/** As `jobLines`, for what runs by itself. */
export function scheduleLines(schedules: readonly JobSchedule[], stream: OutputStream, now: Date): string[] {
  const width = outputWidth(stream);
  const rows = schedules.map((one) => [
    nameOf(one),
    one.timezone === null ? one.schedule : `${one.schedule} ${one.timezone}`,
    one.paused ? "paused" : when(one.nextRunAt, now),
    when(one.lastRunAt, now),
  ]);
  const table = tableLines(scheduleColumns, rows, { width, heading: dim(stream) });
  return [...table, ...errorLines(schedules, width)];
}

/** One job, a line for each thing that is known. */
export function jobDetailLines(job: JobDetail, now: Date): string[] {
  const at = (time: string | null): string | null => (time === null ? null : `${time} (${when(time, now)})`);
  const facts: [string, string | null][] = [
    ["id", job.id],
    ["tenant", job.tenant ?? null],
    ["state", stateOf(job)],
    ["progress", job.note],
    ["tries", String(job.attempt)],
    ["error", job.error],
    ["data", JSON.stringify(job.data)],
    ["key", job.key],
    ["unique", job.unique],
    ["priority", job.priority === 0 ? null : String(job.priority)],
    ["made", at(job.createdAt)],
    ["last run", at(job.lastRunAt)],
    ["heartbeat", at(job.heartbeatAt)],
    ["ended", at(job.finishedAt)],
    ["next run", at(job.nextRunAt)],
  ];
  const known = facts.filter((fact): fact is [string, string] => fact[1] !== null);
  const width = Math.max(...known.map(([label]) => label.length));
  return [nameOf(job), ...known.map(([label, value]) => `  ${label.padEnd(width)}  ${oneLine(value)}`)];
}

function errorLines(
  jobs: readonly { plugin: string; name: string; error: string | null }[],
  width: number,
): string[] {
  const errors = jobs.flatMap((job) =>
    job.error === null ? [] : [truncate(oneLine(`${nameOf(job)}: ${job.error}`), width)],
  );
  return errors.length === 0 ? [] : ["", ...errors];
}

function dim(stream: OutputStream): (line: string) => string {
  return (line) => styleText("dim", line, { stream });
}

/** `running 42%` */
function stateOf(job: JobSummary): string {
  if (job.state !== "running" || job.progress === null) return job.state;
  return `running ${Math.floor(job.progress * 100)}%`;
}

/** With the tenant it runs for: `notes.digest@acme`. */
function nameOf(job: { plugin: string; name: string; tenant?: string | null }): string {
  return `${job.plugin}.${job.name}${job.tenant == null ? "" : `@${job.tenant}`}`;
}

/** "in 5m", "2h ago". */
function when(time: string | null, now: Date): string {
  if (time === null) return "-";
  const ms = new Date(time).getTime() - now.getTime();
  const span = formatDuration(Math.abs(ms));
  return ms >= 0 ? `in ${span}` : `${span} ago`;
}
