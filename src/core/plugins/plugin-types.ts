// Writes plugin-env.d.ts: what plugin.yaml declares, as types, so that an editor refuses what the wall would refuse.
import type { Json } from "../../wire/json.ts";
import { grantedNames } from "./grants.ts";
import type { Manifest } from "./manifest.ts";

/** The text of `plugin-env.d.ts`, which lies beside plugin.yaml. */
export function pluginTypes(manifest: Manifest): string {
  const { permissions, config } = manifest;
  const members = [
    ["permissions", literals(grantedNames(permissions))],
    ["call", patterns(permissions.call)],
    ["publish", patterns(permissions.events.publish)],
    ["subscribe", patterns(permissions.events.subscribe)],
    ["secrets", literals(permissions.secrets)],
    ["services", literals(permissions.services)],
    ["config", config === undefined ? "" : schemaType(config, "    ")],
  ].filter(([, type]) => type !== "");
  const body = members.map(([name, type]) => `    ${name}: ${type};\n`).join("");
  return [
    "// Written by xcore from plugin.yaml: what this plugin may use. Changes here are overwritten.",
    'import "xcore/plugin";',
    "",
    'declare module "xcore/plugin" {',
    members.length === 0 ? "  interface Declared {}" : `  interface Declared {\n${body}  }`,
    "}",
    "",
  ].join("\n");
}

function literals(names: readonly string[]): string {
  return names.map((name) => JSON.stringify(name)).join(" | ");
}

/** `note.*` as a template literal type, `*` as string. */
function patterns(names: readonly string[]): string {
  if (names.includes("*")) return "string";
  return names
    .map((name) =>
      name.endsWith("*") ? `\`${escapeTemplate(name.slice(0, -1))}\${string}\`` : JSON.stringify(name),
    )
    .join(" | ");
}

function escapeTemplate(text: string): string {
  return text.replace(/[\\`$]/g, String.raw`\$&`);
}

// The keywords that FromSchema reads; the others say nothing about the type.
const subschemas: ReadonlySet<string> = new Set(["items", "additionalProperties"]);
const schemaLists: ReadonlySet<string> = new Set(["anyOf", "oneOf"]);
const values: ReadonlySet<string> = new Set(["type", "required", "enum", "const"]);

/** A JSON Schema as a type literal, with the keywords that make a difference. */
function schemaType(schema: Json, indent: string): string {
  if (!isObject(schema)) return typeof schema === "boolean" ? String(schema) : "{}";
  const inner = `${indent}  `;
  const members = Object.entries(schema).flatMap(([key, value]): [string, string][] => {
    if (key === "properties" && isObject(value)) return [[key, propertiesType(value, inner)]];
    if (key === "default") return [[key, "unknown"]];
    if (subschemas.has(key)) return [[key, schemaType(value, inner)]];
    if (schemaLists.has(key) && Array.isArray(value)) {
      return [[key, `readonly [${value.map((branch: Json) => schemaType(branch, inner)).join(", ")}]`]];
    }
    return values.has(key) ? [[key, valueType(value)]] : [];
  });
  return block(members, indent);
}

function propertiesType(properties: Record<string, Json>, indent: string): string {
  const members = Object.entries(properties).map(([name, schema]): [string, string] => [
    /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name),
    schemaType(schema, `${indent}  `),
  ]);
  return block(members, indent);
}

function valueType(value: Json): string {
  if (Array.isArray(value)) return `readonly [${value.map((item: Json) => valueType(item)).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${valueType(item)}`);
  return `{ ${members.join("; ")} }`;
}

function block(members: readonly [string, string][], indent: string): string {
  if (members.length === 0) return "{}";
  const lines = members.map(([key, type]) => `${indent}  ${key}: ${type};\n`);
  return `{\n${lines.join("")}${indent}}`;
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
