// The keywords of one form of a JSON Schema against those of another: type, listed values, bounds, and what can only be seen to differ.
import type { Json } from "../../wire/json.ts";
import { sameJson, valuesOf, type Form } from "./schema-forms.ts";

/** `input`: the accepting side is the new one. `output`: the giving side is. */
export type Wording = "input" | "output";

export interface Flaw {
  message: string;
  /** Nothing else needs to be compared. */
  fatal: boolean;
}

const lower = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const upper = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
/** Not weighed: any change may refuse something. */
const opaque = [
  "multipleOf",
  "format",
  "pattern",
  "uniqueItems",
  "not",
  "if",
  "then",
  "else",
  "contains",
  "propertyNames",
  "patternProperties",
  "dependentRequired",
  "dependentSchemas",
];

/** What `accepted` asks for by its own keywords and `given` does not promise. */
export function tightened(given: Form, accepted: Form, side: Wording): Flaw[] {
  const values = valuesOf(given);
  if (values !== undefined) return valueFlaws(values, accepted, side);
  const type = typeFlaw(given, accepted, side);
  if (type !== undefined) return [{ message: type, fatal: true }];
  const listed = valuesOf(accepted);
  if (listed !== undefined && !coversType(listed, given["type"])) {
    const message =
      side === "input" ? `only ${list(listed)} is taken now` : `it may now be other than ${list(listed)}`;
    return [{ message, fatal: true }];
  }
  const bounds = [
    ...lower.filter(
      (key) => exceeds(accepted[key], promised(given, key, lower), 1) && !isNoBound(key, accepted),
    ),
    ...upper.filter((key) => exceeds(accepted[key], promised(given, key, upper), -1)),
  ];
  const differing = opaque.filter((key) => key in accepted && !sameJson(given[key], accepted[key]));
  // zod writes a pattern beside each format.
  const changed = differing.filter((key) => key !== "pattern" || !differing.includes("format"));
  return [...bounds, ...changed].map((key) => ({
    message: changeOf(key, given, accepted, side),
    fatal: false,
  }));
}

function valueFlaws(values: readonly Json[], accepted: Form, side: Wording): Flaw[] {
  const listed = valuesOf(accepted);
  const taken = new Set(listed?.map((value) => JSON.stringify(value)));
  const refused = values.filter((value) =>
    listed === undefined ? !isOfType(value, accepted["type"]) : !taken.has(JSON.stringify(value)),
  );
  if (refused.length === 0) return [];
  const message = side === "input" ? `${list(refused)} is no longer taken` : `it may now be ${list(refused)}`;
  return [{ message, fatal: true }];
}

function typeFlaw(given: Form, accepted: Form, side: Wording): string | undefined {
  const comes = given["type"];
  const taken = accepted["type"];
  if (taken === undefined || comes === taken || (comes === "integer" && taken === "number")) return undefined;
  const what = comes === undefined ? "anything" : named(comes);
  if (side === "output") return `it may now be ${what}, not only ${named(taken)}`;
  return `it must now be ${named(taken)}, not ${what}`;
}

/** Both truth values, or null, listed. */
function coversType(values: readonly Json[], type: Json | undefined): boolean {
  if (type === "null") return values.includes(null);
  return type === "boolean" && values.includes(true) && values.includes(false);
}

function isOfType(value: Json, type: Json | undefined): boolean {
  if (type === undefined) return true;
  if (type === "integer") return Number.isInteger(value);
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === type;
}

/** The bound of this kind that `given` keeps; `minimum` is kept by `exclusiveMinimum` as well. */
function promised(given: Form, key: string, kind: readonly string[]): Json | undefined {
  const [inclusive = "", exclusive = ""] = kind;
  return given[key] ?? (key === inclusive ? given[exclusive] : undefined);
}

/** `sign` 1: a lower bound. Bounds that every whole number keeps (zod writes them out) are none. */
function exceeds(wanted: Json | undefined, promise: Json | undefined, sign: 1 | -1): boolean {
  if (typeof wanted !== "number" || sign * wanted <= -Number.MAX_SAFE_INTEGER) return false;
  return typeof promise !== "number" || sign * promise < sign * wanted;
}

function isNoBound(key: string, form: Form): boolean {
  return key.startsWith("min") && key !== "minimum" && form[key] === 0;
}

function changeOf(key: string, given: Form, accepted: Form, side: Wording): string {
  const [before, now] = side === "input" ? [given[key], accepted[key]] : [accepted[key], given[key]];
  return `${key} is now ${shown(now)} (was ${shown(before)})`;
}

function shown(value: Json | undefined): string {
  return value === undefined ? "absent" : short(JSON.stringify(value));
}

function list(values: readonly Json[]): string {
  return short(values.map((value) => JSON.stringify(value)).join(" or "));
}

function named(type: Json): string {
  if (type === "null") return "null";
  return `${/^[aio]/.test(String(type)) ? "an" : "a"} ${short(String(type))}`;
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
