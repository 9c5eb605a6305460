// Intervals as people write them: "1 hour and 30 minutes".
import { suggestion } from "../../base/nearest.ts";

const minIntervalMs = 1000;
const maxIntervalMs = 366 * 86_400_000;

const units: Readonly<Record<string, number>> = {
  millisecond: 1,
  second: 1000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 604_800_000,
};
const shortUnits: Readonly<Record<string, string>> = {
  ms: "millisecond",
  s: "second",
  sec: "second",
  m: "minute",
  min: "minute",
  h: "hour",
  d: "day",
  w: "week",
};

/** Milliseconds of "90 seconds", "1 hour and 30 minutes", "5m"; `key` is where it stands, for errors. */
export function parseInterval(key: string, text: unknown): number {
  if (typeof text !== "string")
    throw new TypeError(`'${key}' must be a text such as "1 hour", got ${typeof text}`);
  const parts = text
    .trim()
    .toLowerCase()
    .split(/\s*(?:,|\band\b)\s*|(?<=[a-z])\s+(?=\d)/);
  let total = 0;
  for (const part of parts) {
    const [, amount, word = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/.exec(part) ?? [];
    if (amount === undefined)
      throw new TypeError(`${key}: '${text}' is no interval; write "30 seconds", "1 hour" or "1 day"`);
    const unit = shortUnits[word] ?? word.replace(/s$/, "");
    const ms = Object.hasOwn(units, unit) ? units[unit] : undefined;
    if (ms === undefined)
      throw new TypeError(`${key}: '${text}': '${word}' is no unit; ${suggestion(word, Object.keys(units))}`);
    total += Number(amount) * ms;
  }
  if (total >= minIntervalMs && total <= maxIntervalMs) return Math.round(total);
  throw new TypeError(`${key}: '${text}' is out of range; at least 1 second, at most 366 days`);
}
