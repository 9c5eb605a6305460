// Jobs as a plugin describes them, checked word by word: Agenda takes a wrong interval in silence or runs the job at once.
import { CronExpressionParser } from "cron-parser";
import type { JobDescription } from "../../../wire/guest-calls.ts";
import { messageOf, XcoreError } from "../../base/error.ts";
import { nearest, suggestion } from "../../base/nearest.ts";

/** A job description in compiled form. */
export interface JobPlan {
  readonly name: string;
  readonly concurrency: number;
  readonly retries: number;
  readonly schedule: Schedule | undefined;
}

/** `interval` is what Agenda keeps: milliseconds as digits, or a cron expression. */
export interface Schedule {
  readonly interval: string;
  readonly timezone: string | undefined;
}

const jobName = /^[a-zA-Z][a-zA-Z0-9_-]{0,63}$/;
const fields = ["every", "cron", "timezone", "concurrency", "retries"];
const maxRetries = 100;
const maxConcurrency = 100;
const minIntervalMs = 1000;
const maxIntervalMs = 366 * 86_400_000;

/** Throws `PLUGIN_DEFINITION` naming plugin, job and fault. */
export function planJobs(plugin: string, jobs: Readonly<Record<string, JobDescription>>): JobPlan[] {
  return Object.entries(jobs).map(([name, description]) => {
    try {
      return planOf(name, description);
    } catch (error) {
      throw new XcoreError("PLUGIN_DEFINITION", `plugin '${plugin}': job '${name}': ${messageOf(error)}`, {
        hint: 'Write every: "1 hour" or cron: "0 3 * * *", with timezone: "Europe/Berlin" beside cron; see docs/services/jobs.md',
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
  if (!jobName.test(name)) {
    throw new TypeError(
      "a job's name is letters, digits, _ and -, begins with a letter and has at most 64 characters",
    );
  }
  const unknown = Object.keys(description).find((key) => !fields.includes(key));
  if (unknown !== undefined) throw new TypeError(`'${unknown}' is unknown; ${suggestion(unknown, fields)}`);
  const { every, cron, timezone, concurrency = 1, retries = 3 } = description;
  whole("concurrency", concurrency, 1, maxConcurrency);
  whole("retries", retries, 0, maxRetries);
  if (every !== undefined && cron !== undefined) throw new TypeError("'every' and 'cron' exclude each other");
  if (timezone !== undefined && cron === undefined)
    throw new TypeError("'timezone' says nothing without 'cron'");
  if (every !== undefined) {
    return {
      name,
      concurrency,
      retries,
      schedule: { interval: String(parseInterval(every)), timezone: undefined },
    };
  }
  if (cron === undefined) return { name, concurrency, retries, schedule: undefined };
  const zone = parseTimezone(timezone ?? "UTC");
  return { name, concurrency, retries, schedule: { interval: parseCron(cron, zone), timezone: zone } };
}

function whole(name: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return;
  throw new TypeError(`'${name}' must be a whole number from ${least} to ${most}, got ${String(value)}`);
}

const units: Readonly<Record<string, number>> = {
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};
const shortUnits: Readonly<Record<string, string>> = {
  s: "second",
  sec: "second",
  m: "minute",
  min: "minute",
  h: "hour",
  d: "day",
  w: "week",
};

/** Milliseconds of "90 seconds", "1 hour and 30 minutes", "5m". */
export function parseInterval(text: unknown): number {
  if (typeof text !== "string")
    throw new TypeError(`'every' must be a text such as "1 hour", got ${typeof text}`);
  const parts = text
    .trim()
    .toLowerCase()
    .split(/\s*(?:,|\band\b)\s*|(?<=[a-z])\s+(?=\d)/);
  let total = 0;
  for (const part of parts) {
    const [, amount, word = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(part) ?? [];
    if (amount === undefined)
      throw new TypeError(`every: '${text}' is no interval; write "30 seconds", "1 hour" or "1 day"`);
    const unit = shortUnits[word] ?? word.replace(/s$/, "");
    const ms = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (ms === undefined)
      throw new TypeError(`every: '${text}': '${word}' is no unit; ${suggestion(word, Object.keys(units))}`);
    total += Number(amount) * ms;
  }
  if (total >= minIntervalMs && total <= maxIntervalMs) return Math.round(total);
  throw new TypeError(`every: '${text}' is out of range; at least 1 second, at most 366 days`);
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
