// Checks a value against its schema: any Standard Schema (zod, valibot …) or JSON Schema.
import type { Json } from "../wire/json.ts";
import { XcoreError } from "./errors.ts";
import { jsonParse, jsonStringify } from "./primordials.ts";
import { loadSchemaValidator, type SchemaFault } from "./web/polyfills.ts";

/** Gives the value as the schema makes it; rejects naming each fault's path. */
export type SchemaCheck = (value: unknown) => Promise<unknown>;

export interface Checked {
  /** Opens the messages: "action 'count'". */
  subject: string;
  what: "input" | "output" | "payload";
  code: "INPUT_INVALID" | "OUTPUT_INVALID";
}

interface StandardSchema {
  "~standard": {
    validate(value: unknown): StandardResult | Promise<StandardResult>;
    /** Standard JSON Schema: https://standardschema.dev/json-schema */
    jsonSchema?: Readonly<Record<"input" | "output", (options: { target: "draft-2020-12" }) => unknown>>;
  };
}

type StandardResult =
  | { value: unknown; issues?: undefined }
  | { issues: readonly { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }[] };

/** Throws `PLUGIN_DEFINITION` when the schema is none; without a schema every value passes. */
export function schemaCheck(schema: unknown, checked: Checked): SchemaCheck {
  if (schema === undefined) return async (value) => value;
  if (isStandardSchema(schema)) return (value) => checkStandard(schema, value, checked);
  if (typeof schema !== "boolean" && (typeof schema !== "object" || schema === null)) {
    throw new XcoreError(
      "PLUGIN_DEFINITION",
      `${checked.subject}: '${checked.what}' is neither a JSON Schema nor a Standard Schema (zod, valibot …)`,
    );
  }
  return jsonSchemaCheck(schema, checked);
}

/** The schema as JSON Schema, where it is one or says how to become one. */
export function describeSchema(schema: unknown, side: "input" | "output"): Json | undefined {
  if (schema === undefined) return undefined;
  if (!isStandardSchema(schema)) return schema as Json;
  try {
    const json = jsonStringify(schema["~standard"].jsonSchema?.[side]({ target: "draft-2020-12" }));
    return json === undefined ? undefined : (jsonParse(json) as Json);
  } catch {
    // What a schema can check and JSON Schema can't say stays undescribed; it is checked all the same.
    return undefined;
  }
}

function isStandardSchema(schema: unknown): schema is StandardSchema {
  return (
    ((typeof schema === "object" && schema !== null) || typeof schema === "function") && "~standard" in schema
  );
}

async function checkStandard(schema: StandardSchema, value: unknown, checked: Checked): Promise<unknown> {
  const result = await schema["~standard"].validate(value);
  if (result.issues === undefined) return result.value;
  const faults = result.issues.map(({ message, path = [] }) => {
    const keys = path.map((step) => String(typeof step === "object" ? step.key : step));
    return keys.length === 0 ? message : `/${keys.join("/")}: ${message}`;
  });
  throw invalid(checked, faults);
}

function jsonSchemaCheck(schema: object | boolean, checked: Checked): SchemaCheck {
  let validate: ((value: unknown) => SchemaFault[]) | undefined;
  return async (value) => {
    validate ??= makeValidator(schema);
    // What crosses the wall is what counts: a Date is a text there.
    const plain = checked.what === "input" ? value : jsonParse(jsonStringify(value) ?? "null");
    const faults = validate(plain);
    if (faults.length === 0) return plain;
    throw invalid(checked, faults.map(sentence));
  };
}

function makeValidator(schema: object | boolean): (value: unknown) => SchemaFault[] {
  const Validator = loadSchemaValidator();
  const validator = new Validator(schema, "2020-12", false);
  return (value) => {
    const { valid, errors } = validator.validate(value);
    return valid ? [] : errors.filter(({ keyword }) => !wrappers.has(keyword));
  };
}

// These only say that something below them failed, which has an entry of its own.
const wrappers: ReadonlySet<string> = new Set([
  "properties",
  "items",
  "prefixItems",
  "allOf",
  "$ref",
  "additionalProperties",
  "if",
]);

function sentence({ instanceLocation, keyword, error }: SchemaFault): string {
  const path = instanceLocation.replace(/^#/, "");
  const text = keyword === "false" ? "is not allowed here" : error;
  return path === "" ? text : `${path}: ${text}`;
}

function invalid({ subject, what, code }: Checked, faults: readonly string[]): XcoreError {
  const shown = faults.length === 0 ? ["it does not match the schema"] : faults.slice(0, 5);
  return new XcoreError(code, `${subject}: the ${what} is not valid: ${shown.join("; ")}`);
}
