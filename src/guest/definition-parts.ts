// How the members of a definition are read: each is what it should be, or the fault names its place.
import { XcoreError } from "./errors.ts";

export type Handler = (subject: unknown, ctx: object) => unknown;

export type LifeHandler = (ctx: object) => unknown;

export type Fields = Record<string, unknown>;

const namePattern = /^[A-Za-z][\w.-]{0,99}$/;

export function entriesOf(fields: Fields, key: string): [string, unknown][] {
  const value = fields[key];
  return value === undefined ? [] : Object.entries(tableOf(value, key, "{ … }"));
}

export function tableOf(value: unknown, where: string, expected: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw fault(where, `expected ${expected}, got ${kindOf(value)}`);
  }
  return value as Fields;
}

export function methodOf(fields: Fields, key: string, where: string): Handler {
  const method = functionOf(fields[key], `${where}.${key}`);
  return (subject, ctx) => method.call(fields, subject, ctx);
}

export function functionOf(value: unknown, where: string): Handler {
  if (typeof value !== "function") throw fault(where, `expected a function, got ${kindOf(value)}`);
  return value as Handler;
}

export function lifeHandler(fields: Fields, key: string): LifeHandler | undefined {
  if (fields[key] === undefined) return undefined;
  const method = functionOf(fields[key], `definePlugin.${key}`) as unknown as LifeHandler;
  return (ctx) => method.call(fields, ctx);
}

export function rejectUnknown(fields: Fields, known: readonly string[], where: string): void {
  const unknown = Object.keys(fields).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw fault(where, `there is no member '${unknown}'; known: ${known.join(", ")}`);
}

export function checkName(name: string, where: string): void {
  if (!namePattern.test(name)) {
    throw fault(
      where,
      "a name begins with a letter and holds letters, digits, '.', '_' and '-', at most 100",
    );
  }
}

export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return value === undefined ? "nothing" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}

export function fault(where: string, why: string): XcoreError {
  return new XcoreError("PLUGIN_DEFINITION", `${where}: ${why}`);
}
