// Checks an action's input against its schema: any Standard Schema (zod, valibot …) or JSON Schema.
import type { Json } from "../wire/json.ts";
import { XcoreError } from "./errors.ts";
import { loadSchemaValidator, type SchemaFault } from "./web/polyfills.ts";

/** Gives the input as the schema makes it; rejects with `INPUT_INVALID` naming each fault's path. */
export type InputCheck = (input: Json) => Promise<unknown>;

interface StandardSchema {
  "~standard": {
    validate(value: unknown): StandardResult | Promise<StandardResult>;
  };
}

type StandardResult =
  | { value: unknown; issues?: undefined }
  | { issues: readonly { message: string; path?: readonly (PropertyKey | { key: PropertyKey })[] }[] };

/** `where` opens the messages: "action 'count'". Throws `PLUGIN_DEFINITION` when the schema is none. */
export function inputCheck(schema: unknown, where: string): InputCheck {
  if (schema === undefined) return async (input) => input;
  if (isStandardSchema(schema)) return (input) => checkStandard(schema, input, where);
  if (typeof schema !== "boolean" && (typeof schema !== "object" || schema === null)) {
    throw new XcoreError(
      "PLUGIN_DEFINITION",
      `${where}: 'input' is neither a JSON Schema nor a Standard Schema (zod, valibot …)`,
    );
  }
  return jsonSchemaCheck(schema, where);
}

/** The schema as data, if it is JSON Schema. */
export function describeInput(schema: unknown): Json | undefined {
  return schema === undefined || isStandardSchema(schema) ? undefined : (schema as Json);
}

function isStandardSchema(schema: unknown): schema is StandardSchema {
  return (
    ((typeof schema === "object" && schema !== null) || typeof schema === "function") && "~standard" in schema
  );
}

async function checkStandard(schema: StandardSchema, input: Json, where: string): Promise<unknown> {
  const result = await schema["~standard"].validate(input);
  if (result.issues === undefined) return result.value;
  const faults = result.issues.map(({ message, path = [] }) => {
    const keys = path.map((step) => String(typeof step === "object" ? step.key : step));
    return keys.length === 0 ? message : `/${keys.join("/")}: ${message}`;
  });
  throw invalid(where, faults);
}

function jsonSchemaCheck(schema: object | boolean, where: string): InputCheck {
  let validate: ((input: unknown) => SchemaFault[]) | undefined;
  return async (input) => {
    validate ??= makeValidator(schema);
    const faults = validate(input);
    if (faults.length === 0) return input;
    throw invalid(where, faults.map(sentence));
  };
}

function makeValidator(schema: object | boolean): (input: unknown) => SchemaFault[] {
  const Validator = loadSchemaValidator();
  const validator = new Validator(schema, "2020-12", false);
  return (input) => {
    const { valid, errors } = validator.validate(input);
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

function invalid(where: string, faults: readonly string[]): XcoreError {
  const shown = faults.length === 0 ? ["it does not match the schema"] : faults.slice(0, 5);
  return new XcoreError("INPUT_INVALID", `${where}: the input is not valid: ${shown.join("; ")}`);
}
