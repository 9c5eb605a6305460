// YAML parsed into plain data that still knows where each value stood. Depth and size are capped, aliases can't multiply it.
import { isAlias, isMap, isScalar, isSeq, parseDocument } from "yaml";
import type { Alias, Document, YAMLMap } from "yaml";
import type { Json } from "../../wire/json.ts";
import { messageOf } from "../base/error.ts";
import type { Fault } from "./faults.ts";
import { interpolate, type Variables } from "./interpolate.ts";
import { secretName, type Span, type YamlSource } from "./yaml-source.ts";

/** A path into the data as text, so that it can be a key. */
export const pathKey = (path: readonly string[]): string => JSON.stringify(path);

export interface YamlDocument {
  readonly source: YamlSource;
  readonly value: Json;
  /** Where a value stands, and the key that names it. */
  span(path: readonly string[], part?: "key" | "value"): Span;
  /** Whether the value came, in whole or in part, out of a variable. */
  fromVariable(path: readonly string[]): boolean;
}

export interface ParseResult {
  document: YamlDocument;
  faults: Fault[];
}

const deepest = 32;
const mostNodes = 20_000;

/** Without `variables`, `${…}` is plain text. */
export function parseYaml(source: YamlSource, variables?: Variables): ParseResult {
  const reader = new Reader(source, variables);
  reader.read();
  return { document: reader, faults: reader.faults };
}

class TooMuch extends Error {}

class Reader implements YamlDocument {
  readonly source: YamlSource;
  readonly faults: Fault[] = [];
  value: Json = null;
  readonly #variables: Variables | undefined;
  readonly #spans = new Map<string, { key?: Span; value: Span }>();
  readonly #fromVariables = new Set<string>();
  #nodes = 0;
  #document: Document.Parsed | undefined;

  constructor(source: YamlSource, variables: Variables | undefined) {
    this.source = source;
    this.#variables = variables;
  }

  span(path: readonly string[], part: "key" | "value" = "value"): Span {
    for (let length = path.length; length >= 0; length -= 1) {
      const found = this.#spans.get(pathKey(path.slice(0, length)));
      if (found !== undefined)
        return part === "key" || length < path.length ? (found.key ?? found.value) : found.value;
    }
    return [0, 1];
  }

  fromVariable(path: readonly string[]): boolean {
    return this.#fromVariables.has(pathKey(path));
  }

  read(): void {
    let contents: unknown;
    try {
      this.#document = parseDocument(
        this.#variables === undefined ? this.source.text : shield(this.source.text),
        {
          prettyErrors: false,
        },
      );
      contents = this.#document.contents;
    } catch (error) {
      this.#fault([], [0, 1], error instanceof RangeError ? "it is nested too deeply" : messageOf(error));
      return;
    }
    for (const { message, pos } of [...this.#document.errors, ...this.#document.warnings]) {
      this.#fault([], [pos[0], Math.max(pos[1], pos[0] + 1)], lowerFirst(unshield(message)));
    }
    if (this.faults.length > 0) return;
    try {
      this.value = this.#node(contents, [], [0, 1], false) ?? null;
    } catch (error) {
      if (!(error instanceof TooMuch)) throw error;
    }
  }

  #node(node: unknown, path: readonly string[], around: Span, aliased: boolean): Json | undefined {
    const range = aliased ? undefined : rangeOf(node);
    const span = range ?? around;
    this.#count(path, span);
    const known = this.#spans.get(pathKey(path));
    this.#spans.set(pathKey(path), { ...known, value: span });
    if (isAlias(node)) return this.#alias(node, path, span);
    if (isMap(node)) return this.#map(node, path, span, aliased);
    if (isSeq(node)) {
      return node.items.map(
        (item, index) => this.#node(item, [...path, String(index)], span, aliased) ?? null,
      );
    }
    return this.#scalar(isScalar(node) ? node.value : null, path, span);
  }

  #alias(alias: Alias, path: readonly string[], span: Span): Json | undefined {
    const target = this.#document === undefined ? undefined : alias.resolve(this.#document);
    if (target === undefined)
      return this.#fault(path, span, `there is no anchor '&${alias.source}' before this`);
    return this.#node(target, path, span, true);
  }

  #map(map: YAMLMap, path: readonly string[], span: Span, aliased: boolean): Json {
    const result: Record<string, Json> = {};
    for (const pair of map.items) {
      const keySpan = (aliased ? undefined : rangeOf(pair.key)) ?? span;
      if (!isScalar(pair.key) || pair.key.value === null || typeof pair.key.value === "object") {
        this.#fault(path, keySpan, "a key must be a plain name");
        continue;
      }
      const key = unshield(String(pair.key.value));
      const inner = [...path, key];
      if (key === "__proto__") {
        this.#fault(inner, keySpan, "this name is reserved");
        continue;
      }
      this.#spans.set(pathKey(inner), { key: keySpan, value: keySpan });
      const value = this.#node(pair.value, inner, keySpan, aliased);
      if (value !== undefined) result[key] = value;
    }
    return result;
  }

  #scalar(value: unknown, path: readonly string[], span: Span): Json | undefined {
    if (path.some((key) => secretName.test(key))) this.source.hide(span);
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (typeof value !== "string")
      return this.#fault(path, span, "a value must be text, a number, true, false or null");
    if (this.#variables === undefined) return value;
    const interpolated = interpolate(unshield(value), this.#variables);
    if ("fault" in interpolated) {
      const { reference, message, hint } = interpolated.fault;
      const at = this.source.text.indexOf(reference, span[0]);
      const exact: Span = at === -1 || at >= span[1] ? span : [at, at + reference.length];
      return this.#fault(path, exact, message, hint);
    }
    if (interpolated.used) {
      this.#fromVariables.add(pathKey(path));
      // `${NAME:-}` is how an optional setting is written: an empty variable means "not set".
      if (interpolated.text === "") return undefined;
    }
    return interpolated.text;
  }

  #count(path: readonly string[], span: Span): void {
    this.#nodes += 1;
    if (path.length > deepest) {
      this.#fault([], span, `it is nested deeper than ${deepest} levels`);
      throw new TooMuch();
    }
    if (this.#nodes > mostNodes) {
      this.#fault([], span, `it holds more than ${mostNodes} values once its aliases are followed`);
      throw new TooMuch();
    }
  }

  #fault(path: readonly string[], span: Span, message: string, hint?: string): undefined {
    this.faults.push({ path, span, message, ...(hint === undefined ? {} : { hint }) });
  }
}

function rangeOf(node: unknown): Span | undefined {
  if (typeof node !== "object" || node === null || !("range" in node)) return undefined;
  if (!Array.isArray(node.range)) return undefined;
  const [start, end] = node.range;
  return [start, Math.max(end, start + 1)];
}

// A brace ends a plain scalar in `{ a: ${A} }`. Inside a reference such characters change places with private ones of the
// same length, so that positions stay true; scalars are changed back when they are read.
const special = "{}[],:#&*!|>%@`";
const shieldedBase = 0xf700;

function shield(text: string): string {
  return text.replaceAll(/\$\{[^}\n"'\\]*\}/g, (reference) =>
    reference.replaceAll(/[^\w$./ -]/g, (char) => {
      const index = special.indexOf(char);
      return index === -1 ? char : String.fromCharCode(shieldedBase + index);
    }),
  );
}

function unshield(text: string): string {
  return text.replaceAll(/[\uf700-\uf70e]/g, (char) => special[char.charCodeAt(0) - shieldedBase] ?? char);
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}
