// Values as text for console lines: short, bounded, and never stopped by a hostile getter.
import { textOf } from "../errors.ts";

const maxDepth = 4;
const maxEntries = 100;
const maxLength = 4096;

/** What `console.log(...values)` prints; `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O` in a first string are filled in. */
export function format(values: readonly unknown[]): string {
  const [first, ...rest] = values;
  if (typeof first !== "string") return values.map((value) => plain(value)).join(" ");
  const filled = first.replace(/%[sdifjoO%]/g, (mark) => {
    if (mark === "%%") return "%";
    if (rest.length === 0) return mark;
    const value = rest.shift();
    if (mark === "%s") return plain(value);
    return mark === "%d" || mark === "%i" || mark === "%f" ? number(mark, value) : inspect(value);
  });
  return [filled, ...rest.map((value) => plain(value))].join(" ");
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : inspect(value);
}

function number(mark: string, value: unknown): string {
  if (typeof value !== "number" && typeof value !== "string") return "NaN";
  return String(mark === "%i" ? Math.trunc(Number(value)) : Number(value));
}

export function inspect(value: unknown): string {
  const text = print(value, 0, new Set());
  return text.length > maxLength ? `${text.slice(0, maxLength)}…` : text;
}

function print(value: unknown, depth: number, above: Set<object>): string {
  if (typeof value === "string") return depth === 0 ? value : JSON.stringify(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol") return value.toString();
  if (typeof value === "function") return `[function ${textOf(value, "name") ?? ""}]`;
  if (typeof value !== "object" || value === null) return String(value);
  try {
    return printObject(value, depth, above);
  } catch {
    return "[object that can't be read]";
  }
}

function printObject(value: object, depth: number, above: Set<object>): string {
  if (value instanceof Error) return textOf(value, "stack") ?? `${value.name}: ${value.message}`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (value instanceof RegExp || value instanceof Promise) return Object.prototype.toString.call(value);
  if (above.has(value)) return "[circular]";
  if (depth >= maxDepth) return Array.isArray(value) ? "[…]" : "{…}";
  const below = new Set(above).add(value);
  const show = (item: unknown): string => print(item, depth + 1, below);
  if (Array.isArray(value)) return `[${list(value, show)}]`;
  if (value instanceof Map) {
    return `Map {${list(value, (entry) => (entry as unknown[]).map((part) => show(part)).join(" => "))}}`;
  }
  if (value instanceof Set) return `Set {${list(value, show)}}`;
  if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${value.byteLength} bytes)`;
  const name = value.constructor?.name ?? "";
  const fields = list(Object.keys(value), (key) => {
    return `${String(key)}: ${show((value as Record<string, unknown>)[String(key)])}`;
  });
  return `${name === "Object" || name === "" ? "" : `${name} `}{${fields === "" ? "" : ` ${fields} `}}`;
}

function list(items: Iterable<unknown>, show: (item: unknown) => string): string {
  const shown: string[] = [];
  for (const item of items) {
    if (shown.length === maxEntries) return [...shown, "…"].join(", ");
    shown.push(show(item));
  }
  return shown.join(", ");
}
