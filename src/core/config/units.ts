// Checked units as numbers, with faults for quantities that can't work.
import { parseDuration, parseRate, parseSize, type Rate } from "../base/units.ts";
import type { Limits } from "../base/limits.ts";
import type { LimitsYaml } from "./schema-parts.ts";

export type Complain = (path: readonly string[], message: string) => void;

/** The smallest heap V8 gives an isolate. */
export const leastMemoryBytes = 8 * 1024 * 1024;
// A timer of Node holds 2^31 - 1 ms; a longer one fires at once.
const longestMs = 2 ** 31 - 1;

/** The text has passed the schema's pattern; what is complained about is the quantity. */
export function bytesOf(text: string, path: readonly string[], complain: Complain): number {
  const bytes = parseSize(text) ?? 0;
  if (bytes < 1 || bytes > 2 ** 40) complain(path, `expected a size from 1b to 1024gb, got "${text}"`);
  return bytes;
}

export function msOf(text: string, path: readonly string[], complain: Complain): number {
  const ms = parseDuration(text) ?? 0;
  if (ms < 1 || ms > longestMs) complain(path, `expected a duration from 1ms to 24d, got "${text}"`);
  return ms;
}

export function rateOf(text: string, path: readonly string[], complain: Complain): Rate {
  const rate = parseRate(text) ?? { count: 0, perMs: 1 };
  if (rate.count < 1 || rate.perMs > longestMs) {
    complain(path, `expected a rate of at least 1 in at most 24d, got "${text}"`);
  }
  return rate;
}

/** Only the limits that are written. */
export function limitsOf(
  yaml: LimitsYaml | undefined,
  path: readonly string[],
  complain: Complain,
): Partial<Limits> {
  if (yaml === undefined) return {};
  const memoryBytes =
    yaml.memory === undefined ? undefined : bytesOf(yaml.memory, [...path, "memory"], complain);
  if (memoryBytes !== undefined && memoryBytes >= 1 && memoryBytes < leastMemoryBytes) {
    complain([...path, "memory"], `expected at least "8mb" of memory, got "${yaml.memory}"`);
  }
  return {
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...(yaml.cpu === undefined ? {} : { cpuMs: msOf(yaml.cpu, [...path, "cpu"], complain) }),
    ...(yaml.timeout === undefined ? {} : { timeoutMs: msOf(yaml.timeout, [...path, "timeout"], complain) }),
    ...(yaml.streamIdle === undefined
      ? {}
      : { streamIdleMs: msOf(yaml.streamIdle, [...path, "streamIdle"], complain) }),
    ...(yaml.streamTime === undefined
      ? {}
      : { streamTimeMs: msOf(yaml.streamTime, [...path, "streamTime"], complain) }),
    ...(yaml.streamSize === undefined
      ? {}
      : { streamBytes: bytesOf(yaml.streamSize, [...path, "streamSize"], complain) }),
    ...(yaml.rate === undefined ? {} : { rate: rateOf(yaml.rate, [...path, "rate"], complain) }),
  };
}

/** Whether a limit is above a ceiling; no rate at all is above every ceiling. */
export function above(rate: Rate | undefined, ceiling: Rate | undefined): boolean {
  if (ceiling === undefined) return false;
  return rate === undefined || rate.count / rate.perMs > ceiling.count / ceiling.perMs;
}
