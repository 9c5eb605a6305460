// A JSON Schema against a YAML document: every mismatch becomes a fault that says what was expected, what came, and what was meant.
import { Ajv, type ErrorObject, type ValidateFunction } from "ajv";
import type { TSchema } from "typebox";
import type { Json } from "../../wire/json.ts";
import { nearest } from "../base/nearest.ts";
import { quantities } from "../base/units.ts";
import { nearestUnit } from "./nearest-unit.ts";
import type { Fault } from "./faults.ts";
import type { YamlDocument } from "./yaml-document.ts";

// Compiling takes longer than checking a hundred files.
const compiled = new WeakMap<TSchema, ValidateFunction>();

/** Compiles one of xcore's own schemas, once. `errorMessage` in it says what is expected, for us and for editors. */
export function compileSchema(schema: TSchema): ValidateFunction {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  const options = {
    allErrors: true,
    verbose: true,
    strict: false,
    validateFormats: false,
    validateSchema: false,
  };
  const validate = new Ajv(options).compile(schema);
  compiled.set(schema, validate);
  return validate;
}

/** All faults of the document; text that came out of variables is first made the number or boolean that the schema wants. */
export function validateDocument(validate: ValidateFunction, document: YamlDocument): Fault[] {
  const value = document.value;
  if (!validate(value)) coerceVariables(validate.errors ?? [], document);
  if (validate(value)) return [];
  return faultsOf(validate.errors ?? [], document);
}

/** The faults that ajv's errors stand for (`allErrors`, `verbose`), one for each place. */
export function faultsOf(errors: readonly ErrorObject[], document: YamlDocument): Fault[] {
  const seen = new Set<string>();
  return withoutBranches(errors)
    .map((error) => faultOf(error, document))
    .filter((fault) => {
      const key = `${fault.path.join("\0")}\0${fault.span[0]}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
}

/** Of a choice that failed, either what is wrong inside the branch that was meant, or the choice itself. */
function withoutBranches(errors: readonly ErrorObject[]): ErrorObject[] {
  let kept = [...errors];
  for (const choice of errors.filter((error) => error.keyword === "anyOf" || error.keyword === "oneOf")) {
    const inside = kept.filter(
      (error) => error !== choice && error.schemaPath.startsWith(`${choice.schemaPath}/`),
    );
    const meant = inside.filter(
      (error) => error.keyword !== "type" || error.instancePath !== choice.instancePath,
    );
    const dropped = meant.length > 0 ? [choice, ...inside.filter((error) => !meant.includes(error))] : inside;
    kept = kept.filter((error) => !dropped.includes(error));
  }
  return kept;
}

function coerceVariables(errors: readonly ErrorObject[], document: YamlDocument): void {
  for (const error of errors) {
    const path = pathOf(error.instancePath);
    if (error.keyword !== "type" || !document.fromVariable(path)) continue;
    const key = path.at(-1);
    const parent = path
      .slice(0, -1)
      .reduce<unknown>((at, part) => Reflect.get(Object(at), part), document.value);
    if (key === undefined) continue;
    const coerced = coerce(String(error.data), String(error.params["type"]));
    if (coerced !== undefined) Reflect.set(Object(parent), key, coerced);
  }
}

function coerce(text: string, type: string): number | boolean | undefined {
  if (type === "boolean") return text === "true" ? true : text === "false" ? false : undefined;
  if (type !== "number" && type !== "integer") return undefined;
  return /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined;
}

function faultOf(error: ErrorObject, document: YamlDocument): Fault {
  const path = pathOf(error.instancePath);
  if (error.keyword === "additionalProperties") return unknownKey(error, path, document);
  if (error.keyword === "required") return missingKey(error, path, document);
  const expected = expectation(error);
  const got =
    document.fromVariable(path) || isSecret(error) ? "a value that is not shown" : described(error.data);
  const hint =
    typeof error.data === "string" && got !== "a value that is not shown" ? meant(error) : undefined;
  return {
    path,
    span: document.span(path),
    message: `expected ${expected}, got ${got}${hint === undefined ? "" : `; did you mean '${hint}'?`}`,
    expected,
    got,
  };
}

function unknownKey(error: ErrorObject, path: readonly string[], document: YamlDocument): Fault {
  const key = String(error.params["additionalProperty"]);
  const inner = [...path, key];
  const span = document.span(inner, "key");
  const expected: unknown = error.parentSchema?.["x-keys"];
  if (typeof expected === "string") {
    return { path: inner, span, message: `expected ${expected}, got '${key}'`, expected, got: `'${key}'` };
  }
  const known = Object.keys(Object(error.parentSchema?.["properties"]));
  const near = nearest(key, known);
  const help = near === undefined ? `known here: ${known.join(", ")}` : `did you mean '${near}'?`;
  return {
    path: inner,
    span,
    message: `unknown key '${key}'; ${help}`,
    expected: known.join(", "),
    got: `'${key}'`,
  };
}

function missingKey(error: ErrorObject, path: readonly string[], document: YamlDocument): Fault {
  const key = String(error.params["missingProperty"]);
  const schema: unknown = Object(error.parentSchema?.["properties"])[key];
  const examples: unknown = Object(schema)["examples"];
  const example = Array.isArray(examples) ? `; for example '${key}: ${flow(examples[0])}'` : "";
  const [start] = document.span(path, path.length === 0 ? "value" : "key");
  return {
    path: [...path, key],
    span: path.length === 0 ? [start, start + 1] : document.span(path, "key"),
    message: `missing key '${key}'${example}`,
    expected: `'${key}'`,
    got: "nothing",
  };
}

/** As one line of YAML. */
function flow(value: unknown): string {
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key}: ${flow(inner)}`)
    .join(", ")} }`;
}

function expectation(error: ErrorObject): string {
  const own: unknown = error.parentSchema?.["errorMessage"];
  if (typeof own === "string") return own;
  const { params } = error;
  switch (error.keyword) {
    case "type":
      return named(String(params["type"]));
    case "enum":
      return `one of ${(params["allowedValues"] as unknown[]).join(", ")}`;
    case "minimum":
      return `a number of at least ${params["limit"]}`;
    case "maximum":
      return `a number of at most ${params["limit"]}`;
    case "minLength":
      return `text of at least ${params["limit"]} characters`;
    case "maxLength":
      return `text of at most ${params["limit"]} characters`;
    case "maxItems":
      return `at most ${params["limit"]} entries`;
    case "uniqueItems":
      return "every entry only once";
    case "pattern":
      return quantityOf(error)?.expected ?? exampleOf(error) ?? `text that matches ${params["pattern"]}`;
    case "format":
      return `text in the format "${params["format"]}"`;
    case "const":
      return JSON.stringify(params["allowedValue"]);
    case "anyOf":
    case "oneOf":
      return alternatives(error);
    default:
      return `a value that ${error.message ?? "is valid"}`;
  }
}

/** The size, duration or rate that the schema's pattern stands for. */
function quantityOf(error: ErrorObject): { kind: string; expected: string } | undefined {
  return quantities.get(String(error.parentSchema?.["pattern"]));
}

function exampleOf(error: ErrorObject): string | undefined {
  const examples: unknown = error.parentSchema?.["examples"];
  return Array.isArray(examples) ? `a value such as ${JSON.stringify(examples[0])}` : undefined;
}

function alternatives(error: ErrorObject): string {
  const branches: unknown = error.schema;
  const types = (Array.isArray(branches) ? branches : []).map((branch): unknown => Object(branch)["type"]);
  const names = types.filter((type) => typeof type === "string").map(named);
  return names.length === types.length && names.length > 0
    ? names.join(", or ")
    : "one of the forms it may have";
}

const typeNames: Record<string, string> = {
  string: "text",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  object: "a map of keys and values",
  array: "a list",
};

function named(type: string): string {
  return typeNames[type] ?? type;
}

function described(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") {
    const text = value.replace(/(:\/\/[^\s/:@]+:)[^\s/@]+@/g, "$1…@");
    return `the text ${JSON.stringify(text.length > 48 ? `${text.slice(0, 48)}…` : text)}`;
  }
  if (typeof value === "number") return `the number ${value}`;
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : String(value);
}

function meant(error: ErrorObject): string | undefined {
  const text = String(error.data);
  if (error.keyword === "enum")
    return nearest(text, (error.params["allowedValues"] as unknown[]).map(String));
  return nearestUnit(text, error.parentSchema?.["x-unit"] ?? quantityOf(error)?.kind);
}

function isSecret(error: ErrorObject): boolean {
  return error.parentSchema?.["writeOnly"] === true;
}

function pathOf(instancePath: string): string[] {
  return instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The value of a document that was found valid, as the type of its schema. */
export function valid<T>(value: Json): T {
  return value as T;
}
