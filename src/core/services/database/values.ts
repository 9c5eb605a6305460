// Values between Postgres and a plugin. Everything crosses as JSON: what JSON can't hold exactly stays text.
import { types, type CustomTypesConfig } from "pg";
import type { Json } from "../../../wire/json.ts";
import { XcoreError } from "../../base/error.ts";

type Read = (text: string) => Json;

const readers: Readonly<Record<number, Read>> = {
  16: (text) => text === "t",
  20: bigint,
  21: Number,
  23: Number,
  26: Number,
  114: json,
  700: float,
  701: float,
  1114: timestamp,
  1184: timestamp,
  3802: json,
};

/** Array type to the type of its elements; every other array is one of texts. */
const elements: Readonly<Record<number, number>> = {
  199: 114,
  1000: 16,
  1005: 21,
  1007: 23,
  1016: 20,
  1021: 700,
  1022: 701,
  1028: 26,
  1115: 1114,
  1185: 1184,
  3807: 3802,
};
/** Arrays of types that stay text: text, varchar, char, name, numeric, uuid, date, time, timetz, interval, bytea, inet. */
const textArrays = new Set([1009, 1015, 1014, 1003, 1231, 2951, 1182, 1183, 1270, 1187, 1001, 1041]);

/** Reads a column's text as the value a plugin sees. */
export function readerOf(oid: number): Read {
  const reader = readers[oid];
  if (reader !== undefined) return reader;
  const element = elements[oid];
  if (element === undefined && !textArrays.has(oid)) return (text) => text;
  const inner = element === undefined ? (text: string): Json => text : readerOf(element);
  return (text) => readArray(text, inner);
}

/** The same, as `pg` takes it. */
export const pluginTypes: CustomTypesConfig = { getTypeParser: (oid: number) => readerOf(oid) };

function readArray(text: string, inner: Read): Json {
  // The declared type leaves out that it is a factory.
  const parser = types.arrayParser as unknown as {
    create(text: string, read: Read): { parse(): Json };
  };
  return parser.create(text, inner).parse();
}

function bigint(text: string): Json {
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : text;
}

function float(text: string): Json {
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

function json(text: string): Json {
  return JSON.parse(text) as Json;
}

/** `2026-01-02 03:04:05.123456+00` as ISO 8601, with all its digits; `infinity` stays. */
function timestamp(text: string): Json {
  if (text.endsWith("+00") && text[10] === " ") return `${text.slice(0, 10)}T${text.slice(11, -3)}Z`;
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:([+-]\d\d)(:\d\d)?)?$/.exec(text);
  if (match === null) return text;
  const [, day, time, hours, minutes = ":00"] = match;
  if (hours === undefined) return `${day}T${time}`;
  return hours === "+00" && minutes === ":00" ? `${day}T${time}Z` : `${day}T${time}${hours}${minutes}`;
}

/** Parameters as texts; Postgres gives each the type its place asks for. Lists become arrays, objects JSON. */
export function encodeParams(params: readonly unknown[]): (string | null)[] {
  return params.map((value, index) => {
    if (value === undefined) {
      throw new XcoreError("INPUT_INVALID", `parameter $${index + 1} has no value`, {
        hint: "Use null for an SQL null.",
      });
    }
    return encode(value);
  });
}

function encode(value: unknown): string | null {
  if (value === null) return null;
  if (Array.isArray(value)) return arrayLiteral(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function arrayLiteral(list: readonly unknown[]): string {
  const parts = list.map((value) => {
    if (Array.isArray(value)) return arrayLiteral(value);
    const text = encode(value);
    return text === null ? "NULL" : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
  });
  return `{${parts.join(",")}}`;
}
