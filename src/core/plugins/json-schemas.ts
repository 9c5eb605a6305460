// The JSON Schemas that ship in schemas/ for editors, made from the schemas that validate.
import type { TSchema } from "typebox";
import { integrationSchema } from "../config/schema.ts";
import { manifestSchema } from "./manifest-schema.ts";

/** By file name in schemas/. */
export function jsonSchemas(): Readonly<Record<string, string>> {
  return {
    "integration.schema.json": document(integrationSchema, {
      title: "integration.yaml of xcore",
      variables: true,
    }),
    "plugin.schema.json": document(manifestSchema, { title: "plugin.yaml of xcore", variables: false }),
  };
}

interface DocumentOptions {
  title: string;
  /** Whether a value may be a reference such as `${PORT}` where something else is expected. */
  variables: boolean;
}

const reference = { type: "string", pattern: String.raw`\$\{.+\}` };

function document(schema: TSchema, { title, variables }: DocumentOptions): string {
  // What the replacer returns is visited as well: once wrapped is enough.
  const wrapped = new Set<unknown>();
  const full = JSON.parse(
    JSON.stringify(schema, (key, value: unknown) => {
      // `errorMessage` is shown by editors as it stands; `x-…` is ours alone.
      if (key.startsWith("x-")) return undefined;
      if (key === "errorMessage") return `Expected ${String(value)}.`;
      if (!variables || wrapped.has(value) || !isNarrow(value)) return value;
      wrapped.add(value);
      return { description: value.description, anyOf: [value, reference] };
    }),
  ) as object;
  return `${JSON.stringify({ $schema: "http://json-schema.org/draft-07/schema#", title, ...full }, null, 2)}\n`;
}

/** A schema of one value that would refuse the text of a reference. */
function isNarrow(value: unknown): value is { description: string } {
  if (typeof value !== "object" || value === null || !("description" in value)) return false;
  const type: unknown = Reflect.get(value, "type");
  if (type === "integer" || type === "boolean" || "enum" in value) return true;
  return type === "string" && ("pattern" in value || "minLength" in value);
}
