// How long a job that has failed waits before it is tried again.
import type { JobBackoff } from "../../../wire/guest-calls.ts";
import { suggestion } from "../../base/nearest.ts";
import { parseInterval } from "./interval.ts";

/** The n-th retry waits `firstMs * factor ** (n - 1)`, at most `maxMs`, spread by `jitter` (0.2: a fifth more or less). */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
  readonly jitter: number;
}

const keys = ["first", "factor", "max", "jitter"];

/** Throws a TypeError that says what is wrong. */
export function parseBackoff(written: JobBackoff | undefined): Backoff {
  if (written === undefined) return { firstMs: 1000, factor: 2, maxMs: 600_000, jitter: 0.2 };
  if (typeof written !== "object" || written === null)
    throw new TypeError(`'backoff' must be such as { first: "5s", factor: 2, max: "1h" }`);
  const unknown = Object.keys(written).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new TypeError(`backoff: '${unknown}' is unknown; ${suggestion(unknown, keys)}`);
  const { first = "1s", factor = 2, max, jitter = 0.2 } = written;
  const firstMs = parseInterval("backoff.first", first);
  const maxMs = max === undefined ? Math.max(firstMs, 600_000) : parseInterval("backoff.max", max);
  if (maxMs < firstMs) throw new TypeError(`backoff: 'max' (${max}) is less than 'first' (${first})`);
  between("factor", factor, 1, 10);
  between("jitter", jitter, 0, 1);
  return { firstMs, factor, maxMs, jitter };
}

/** `attempt` is the one that failed, `random` from 0 to 1. */
export function retryDelayMs(backoff: Backoff, attempt: number, random: number): number {
  const { firstMs, factor, maxMs, jitter } = backoff;
  const delayMs = Math.min(firstMs * factor ** (attempt - 1), maxMs);
  return Math.round(delayMs * (1 + jitter * (2 * random - 1)));
}

function between(key: string, value: unknown, least: number, most: number): void {
  if (typeof value === "number" && value >= least && value <= most) return;
  throw new TypeError(`backoff: '${key}' must be a number from ${least} to ${most}, got ${String(value)}`);
}
