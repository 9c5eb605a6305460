// Sizes, durations and rates as people write them: "64mb", "200ms", "100/1s".

const sizeUnits = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 } as const;
const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

export const sizePattern = String.raw`^\d+(\.\d+)?\s?([bB]|[kKmMgG][bB])$`;
export const durationPattern = String.raw`^\d+(\.\d+)?\s?(ms|s|m|h|d)$`;
export const ratePattern = String.raw`^\d+/\d*(ms|s|m|h|d)$`;

/** What is written where a schema has one of these patterns, for messages. */
export const quantities: ReadonlyMap<string, { readonly kind: string; readonly expected: string }> = new Map([
  [sizePattern, { kind: "size", expected: 'a size such as "64mb" (units b, kb, mb, gb)' }],
  [
    durationPattern,
    { kind: "duration", expected: 'a duration such as "200ms" or "5s" (units ms, s, m, h, d)' },
  ],
  [ratePattern, { kind: "rate", expected: 'a rate such as "100/1s" or "1000/m"' }],
]);

/** Bytes of "64mb" (units b, kb, mb, gb; powers of 1024), or undefined when the text is no size. */
export function parseSize(text: string): number | undefined {
  return parse(text.toLowerCase(), sizeUnits);
}

/** Milliseconds of "5s" (units ms, s, m, h, d), or undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, durationUnits);
}

export interface Rate {
  count: number;
  perMs: number;
}

/** "100/1s" or "100/s" as 100 per 1000 ms, or undefined when the text is no rate. */
export function parseRate(text: string): Rate | undefined {
  const [count = "", per = ""] = text.split("/");
  const perMs = parseDuration(/^\d/.test(per) ? per : `1${per}`);
  if (!/^\d+$/.test(count) || perMs === undefined || perMs === 0) return undefined;
  return { count: Number(count), perMs };
}

function parse(text: string, units: Record<string, number>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s?([a-z]+)$/.exec(text.trim());
  const factor = match?.[2] === undefined ? undefined : units[match[2]];
  if (match === null || factor === undefined) return undefined;
  return Math.round(Number(match[1]) * factor);
}

/** 67108864 as "64 MB"; one decimal below 10. */
export function formatSize(bytes: number): string {
  return scale(bytes, 1024, ["B", "KB", "MB", "GB", "TB"]);
}

/** 1500 as "1.5 s", 93784000 as "1d 2h". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? round(ms) : Math.round(ms)} ms`;
  if (ms < 60_000) return `${round(ms / 1000)} s`;
  const minutes = Math.floor(ms / 60_000);
  const parts: [number, string][] = [
    [Math.floor(minutes / 1440), "d"],
    [Math.floor(minutes / 60) % 24, "h"],
    [minutes % 60, "m"],
    [Math.floor(ms / 1000) % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join(" ");
}

function scale(value: number, step: number, units: string[]): string {
  let rest = value;
  let unit = 0;
  while (rest >= step && unit < units.length - 1) {
    rest /= step;
    unit += 1;
  }
  return `${rest < 10 && unit > 0 ? round(rest) : Math.round(rest)} ${units[unit]}`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
