// The table of `xcore job list`, within 80 columns.
import { styleText } from "node:util";
import { formatDuration } from "../../core/base/units.ts";
import type { Operations } from "../../core/index.ts";
import type { OutputStream } from "./status.ts";
import { oneLine, outputWidth, tableLines, truncate } from "./table.ts";

type JobSummary = Operations["job.list"]["result"][number];

const columns = [
  { title: "JOB", shrinkTo: 12 },
  { title: "STATE" },
  { title: "TRIES", align: "right" },
  { title: "NEXT" },
  { title: "LAST" },
  { title: "ID" },
] as const;

/** The table, and under it what went wrong with each job that has an error. Lines without a closing break. */
export function jobLines(jobs: readonly JobSummary[], stream: OutputStream, now: Date): string[] {
  const width = outputWidth(stream);
  const rows = jobs.map((job) => [
    nameOf(job),
    job.state,
    String(job.attempt),
    when(job.nextRunAt, now),
    when(job.lastRunAt, now),
    job.id.slice(0, 8),
  ]);
  const heading = (line: string): string => styleText("dim", line, { stream });
  const errors = jobs.flatMap((job) =>
    job.error === null ? [] : [truncate(oneLine(`${nameOf(job)}: ${job.error}`), width)],
  );
  return [...tableLines(columns, rows, { width, heading }), ...(errors.length === 0 ? [] : ["", ...errors])];
}

function nameOf(job: JobSummary): string {
  return `${job.plugin}.${job.name}`;
}

/** "in 5m", "2h ago". */
function when(time: string | null, now: Date): string {
  if (time === null) return "-";
  const ms = new Date(time).getTime() - now.getTime();
  const span = formatDuration(Math.abs(ms));
  return ms >= 0 ? `in ${span}` : `${span} ago`;
}
