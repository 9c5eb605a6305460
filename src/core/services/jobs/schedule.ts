// Jobs as a plugin describes them, checked word by word: Agenda takes a wrong interval in silence or runs the job at once.
import { CronExpressionParser } from "cron-parser";
import type { JobDescription } from "../../../wire/guest-calls.ts";
import { messageOf, XcoreError } from "../../base/error.ts";
import { nearest, suggestion } from "../../base/nearest.ts";
import { eventJob } from "./event-job.ts";
import { parseBackoff, type Backoff } from "./backoff.ts";
import { parseInterval } from "./interval.ts";

/** A job description in compiled form. */
export interface JobPlan {
  readonly name: string;
  readonly concurrency: number;
  readonly retries: number;
  readonly backoff: Backoff;
  readonly schedule: Schedule | undefined;
}

/** `interval` is what Agenda keeps: milliseconds as digits, or a cron expression. */
export interface Schedule {
  readonly interval: string;
  readonly timezone: string | undefined;
}

const jobName = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
const fields = ["every", "cron", "timezone", "concurrency", "retries", "backoff"];
const maxRetries = 100;
const maxConcurrency = 100;

const scheduleHint = 'Write every: "1 hour" or cron: "0 3 * * *", with timezone: "Europe/Berlin" beside cron';
const backoffHint = 'Write backoff: { first: "5s", factor: 2, max: "1h", jitter: 0.2 }, each as you need it';

/** Throws `PLUGIN_DEFINITION` naming plugin, job and fault. */
export function planJobs(plugin: string, jobs: Readonly<Record<string, JobDescription>>): JobPlan[] {
  return Object.entries(jobs).map(([name, description]) => {
    try {
      return planOf(name, description);
    } catch (error) {
      const message = messageOf(error);
      throw new XcoreError("PLUGIN_DEFINITION", `plugin '${plugin}': job '${name}': ${message}`, {
        hint: `${/^'?backoff/.test(message) ? backoffHint : scheduleHint}; see docs/services/jobs.md`,
        details: { plugin, job: name },
      });
    }
  });
}

/** The first run of a schedule that is new: one interval from now, or the next time its cron expression names. */
export function firstRun({ interval, timezone }: Schedule, now: Date): Date {
  const everyMs = Number(interval);
  if (Number.isFinite(everyMs)) return new Date(now.getTime() + everyMs);
  return nextOfCron(interval, timezone, now);
}

function planOf(name: string, description: JobDescription): JobPlan {
  if (name !== eventJob && !jobName.test(name)) {
    throw new TypeError(
      "a job's name is letters, digits, _ and -, begins with a letter and has at most 64 characters",
    );
  }
  const unknown = Object.keys(description).find((key) => !fields.includes(key));
  if (unknown !== undefined) throw new TypeError(`'${unknown}' is unknown; ${suggestion(unknown, fields)}`);
  const { every, cron, timezone, concurrency = 1, retries = 3 } = description;
  const backoff = parseBackoff(description.backoff);
  whole("concurrency", concurrency, 1, maxConcurrency);
  whole("retries", retries, 0, maxRetries);
  if (every !== undefined && cron !== undefined) throw new TypeError("'every' and 'cron' exclude each other");
  if (timezone !== undefined && cron === undefined)
    throw new TypeError("'timezone' says nothing without 'cron'");
  if (every !== undefined) {
    const schedule = { interval: String(parseInterval("every", every)), timezone: undefined };
    return { name, concurrency, retries, backoff, schedule };
  }
  if (cron === undefined) return { name, concurrency, retries, backoff, schedule: undefined };
  const zone = parseTimezone(timezone ?? "UTC");
  return {
    name,
    concurrency,
    retries,
    backoff,
    schedule: { interval: parseCron(cron, zone), timezone: zone },
  };
}

function whole(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
  throw new TypeError(`'${name}' must be a whole number from ${least} to ${most}, got ${String(value)}`);
}

function parseTimezone(zone: unknown): string {
  try {
    if (typeof zone === "string")
      return new Intl.DateTimeFormat("en", { timeZone: zone }).resolvedOptions().timeZone;
  } catch {
    // Falls through to the sentence below: Intl's own says no more.
  }
  const near = nearest(String(zone), Intl.supportedValuesOf("timeZone"));
  const meant = near === undefined ? "write an IANA name such as Europe/Berlin" : `did you mean '${near}'?`;
  throw new TypeError(`timezone: '${String(zone)}' is no time zone; ${meant}`);
}

function parseCron(cron: unknown, timezone: string): string {
  if (typeof cron !== "string")
    throw new TypeError(`'cron' must be a text such as "0 3 * * *", got ${typeof cron}`);
  const parts = cron.trim().split(/\s+/);
  if (parts.length !== 5) {
    throw new TypeError(
      `cron: '${cron}' has ${parts.length} fields; write five: minute hour day month weekday`,
    );
  }
  // H means "some minute" to the parser: another one after every restart.
  if (parts.some((part) => /(^|[,/-])H/i.test(part)))
    throw new TypeError(`cron: '${cron}': H is not supported`);
  const expression = parts.join(" ");
  try {
    nextOfCron(expression, timezone, new Date());
  } catch (error) {
    throw new TypeError(`cron: '${cron}' is no cron expression: ${messageOf(error)}`, { cause: error });
  }
  return expression;
}

function nextOfCron(expression: string, timezone: string | undefined, now: Date): Date {
  return CronExpressionParser.parse(expression, { currentDate: now, tz: timezone ?? "UTC" })
    .next()
    .toDate();
}
