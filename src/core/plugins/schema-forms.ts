// A JSON Schema taken apart into forms without alternatives: references followed, `allOf` merged, `anyOf` and lists of types spread.
import { isDeepStrictEqual } from "node:util";
import type { Json } from "../../wire/json.ts";

/** A schema of one form: no `$ref`, `allOf`, `anyOf`, `oneOf` at its top, and `type` is one name or absent. */
export type Form = Readonly<Record<string, Json>>;

/** Work that is left, in steps: a schema comes from a stranger. Below 0 nothing that was found can be relied on. */
export interface Budget {
  left: number;
}

const maxForms = 64;
const maxHops = 30;

/** `root` is what `#/…` refers to. No form: nothing fits. What can't be followed counts as a schema that takes everything. */
export function formsOf(schema: Json, root: Json, budget: Budget): Form[] {
  const spread = (part: Json, hops: number): Form[] => {
    budget.left -= 1;
    if (part === false) return [];
    if (!isObject(part) || hops === 0 || budget.left < 0) return [{}];
    const { $ref, allOf, anyOf, oneOf, type, ...rest } = part;
    let forms: Form[] = [rest];
    const narrow = (parts: readonly Json[]): void => {
      const inner = parts.flatMap((one) => (budget.left < 0 ? [] : spread(one, hops - 1)));
      if (forms.length * inner.length > maxForms) budget.left = -1;
      budget.left -= inner.length * total(forms) + forms.length * total(inner);
      forms = budget.left < 0 ? [] : forms.flatMap((form) => inner.map((other) => merged(form, other)));
    };
    if (typeof $ref === "string") narrow([target($ref, root)]);
    for (const one of asList(allOf)) narrow([one]);
    for (const alternatives of [anyOf, oneOf]) if (Array.isArray(alternatives)) narrow(asList(alternatives));
    if (Array.isArray(type)) narrow(asList(type).map((name) => ({ type: name })));
    else if (type !== undefined) forms = forms.map((form) => merged(form, { type }));
    return forms;
  };
  return spread(schema, maxHops);
}

/** What it costs to look at a form once, in steps. */
export function weightOf(form: Form): number {
  const members = isObject(form["properties"]) ? Object.keys(form["properties"]).length : 0;
  return (members + (valuesOf(form)?.length ?? 0)) / 16;
}

function total(forms: readonly Form[]): number {
  return forms.reduce((sum, form) => sum + weightOf(form), 0);
}

/** Values of `enum` or `const`, if the form lists them. */
export function valuesOf(form: Form): readonly Json[] | undefined {
  if (Array.isArray(form["enum"])) return form["enum"] as readonly Json[];
  return "const" in form ? [form["const"] as Json] : undefined;
}

export function isObject(value: Json | undefined): value is Form {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function sameJson(one: Json | undefined, other: Json | undefined): boolean {
  return isDeepStrictEqual(one, other);
}

/** What holds for both; members of both have to fit both. */
function merged(one: Form, other: Form): Form {
  const properties: Record<string, Json> = { ...asObject(one["properties"]) };
  for (const [name, schema] of Object.entries(asObject(other["properties"]))) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    properties[name] = known === undefined ? schema : { allOf: [known, schema] };
  }
  const required = [...new Set([...asList(one["required"]), ...asList(other["required"])])];
  return {
    ...one,
    ...other,
    ...(Object.keys(properties).length > 0 ? { properties } : {}),
    ...(required.length > 0 ? { required } : {}),
  };
}

function target(reference: string, root: Json): Json {
  if (!reference.startsWith("#")) return true;
  let at: Json | undefined = root;
  for (const step of reference.slice(1).split("/").slice(1)) {
    const key = step.replaceAll("~1", "/").replaceAll("~0", "~");
    if (!isObject(at) || !Object.hasOwn(at, key)) return true;
    at = at[key];
  }
  return at ?? true;
}

export function asObject(value: Json | undefined): Form {
  return isObject(value) ? value : {};
}

export function asList(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]) : [];
}
