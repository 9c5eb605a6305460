// A bundle as a syntax tree, and where each piece of it stands in the files its author wrote.
import { resolve, sep } from "node:path";
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { parse, type Node } from "acorn";
import type { Bundle } from "../../sandbox/bundle.ts";
import { guestFolders } from "../../sandbox/paths.ts";

/** Any node: its type decides which fields it has. */
export interface Syntax extends Node {
  readonly [field: string]: unknown;
}

export interface Place {
  /** Relative to the plugin's folder. */
  file: string;
  /** 1-based. */
  line: number;
  column: number;
}

export interface Visit {
  node: Syntax;
  /** From the nearest to the program. */
  parents: readonly Syntax[];
  /** Undefined for what is xcore's own. */
  place: Place;
}

/** Every node of the code, outer ones first; what xcore itself put into the bundle is passed over. */
export function visitBundle(bundle: Bundle, folder: string, visit: (visit: Visit) => void): void {
  const map = new TraceMap(bundle.sourceMap);
  const placeOf = placesIn(map, folder);
  const root = parse(bundle.code, { ecmaVersion: "latest", sourceType: "script", locations: true }) as Node;
  const go = (node: Syntax, parents: readonly Syntax[]): void => {
    const place = placeOf(node);
    if (place !== undefined) visit({ node, parents, place });
    const inside = [node, ...parents];
    for (const child of childrenOf(node)) go(child, inside);
  };
  go(root as Syntax, []);
}

export function isNode(value: unknown): value is Syntax {
  return typeof value === "object" && value !== null && "type" in value && typeof value.type === "string";
}

function childrenOf(node: Syntax): Syntax[] {
  return Object.values(node)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .filter(isNode);
}

// A project's plugin may take packages from folders above its own; they are shown from their node_modules on.
function placesIn(map: TraceMap, folder: string): (node: Syntax) => Place | undefined {
  const own = guestFolders().map((one) => `${one}${sep}`);
  const files = new Map<string, string | undefined>();
  const fileOf = (source: string): string | undefined => {
    const path = resolve(folder, source);
    if (own.some((one) => path.startsWith(one))) return undefined;
    return source.startsWith("..") ? source.slice(Math.max(0, source.lastIndexOf("node_modules/"))) : source;
  };
  return (node) => {
    const start = node.loc?.start;
    if (start === undefined) return undefined;
    const { source, line, column } = originalPositionFor(map, start);
    if (source === null) return undefined;
    if (!files.has(source)) files.set(source, fileOf(source));
    const file = files.get(source);
    return file === undefined ? undefined : { file, line, column: column + 1 };
  };
}

/** The text of a literal, or the beginning of a template up to its first hole. */
export function textOf(node: unknown): { text: string; whole: boolean } | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Literal" && typeof node["value"] === "string")
    return { text: node["value"], whole: true };
  if (node.type !== "TemplateLiteral" || !Array.isArray(node["quasis"])) return undefined;
  const [first] = node["quasis"] as { value: { cooked?: string | null } }[];
  return { text: first?.value.cooked ?? "", whole: node["quasis"].length === 1 };
}

/** `b` of `a.b` and `a["b"]`; undefined for what is computed. */
export function propertyOf(node: unknown): string | undefined {
  if (!isNode(node) || node.type !== "MemberExpression") return undefined;
  const property = node["property"] as Syntax;
  if (node["computed"] === true) return textOf(property)?.text;
  return typeof property["name"] === "string" ? property["name"] : undefined;
}

export const nameOf = (node: unknown): string | undefined =>
  isNode(node) && node.type === "Identifier" ? String(node["name"]) : undefined;

/** The key of a property in an object or a pattern, where it is written out. */
export function keyOf(node: unknown): string | undefined {
  if (!isNode(node) || node.type !== "Property" || node["computed"] === true) return undefined;
  return nameOf(node["key"]) ?? textOf(node["key"])?.text;
}
