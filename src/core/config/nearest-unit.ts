// What someone meant who wrote "64 megs" or "5 seconds".
import { parseDuration, parseRate, parseSize } from "../base/units.ts";

/** The same quantity in units that are understood, or undefined when it can't be told. */
export function nearestUnit(text: string, kind: unknown): string | undefined {
  const [, amount, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)/.exec(text) ?? [];
  if (kind === "rate") return nearestRate(text);
  if (amount === undefined) return undefined;
  if (kind === "size") return checked(`${amount}${sizeUnit(unit)}`, parseSize);
  return kind === "duration" ? checked(`${amount}${durationUnit(unit)}`, parseDuration) : undefined;
}

function nearestRate(text: string): string | undefined {
  const [, count, per = ""] = /^\s*(\d+)\s*(?:\/|per)\s*(\d*\s*[a-zA-Z]+)/.exec(text) ?? [];
  const period = nearestUnit(/^\d/.test(per) ? per : `1${per}`, "duration");
  return count === undefined || period === undefined ? undefined : checked(`${count}/${period}`, parseRate);
}

function sizeUnit(unit: string): string {
  const first = unit.slice(0, 1).toLowerCase();
  return first === "b" ? "b" : `${first}b`;
}

function durationUnit(unit: string): string {
  const lower = unit.toLowerCase();
  if (lower === "ms" || lower.startsWith("mil") || lower.startsWith("mse")) return "ms";
  return lower.slice(0, 1);
}

function checked(text: string, parse: (text: string) => unknown): string | undefined {
  return parse(text) === undefined ? undefined : text;
}
