// What a plugin's code looks as if it would use, by its syntax alone. It can be fooled; the wall can't.
import type { Bundle } from "../../sandbox/bundle.ts";
import { isNode, keyOf, nameOf, propertyOf, textOf, visitBundle, type Place, type Syntax } from "./syntax.ts";

export interface Sight {
  /** `database`, `fetch api.example.com`, `call mailer.send`, … as `permissionLines` writes it; without a value where that is computed. */
  readonly use: string;
  readonly place: Place;
}

export type DynamicKind =
  | "eval"
  | "Function"
  | "import()"
  | "setTimeout with text"
  | "WebAssembly"
  | "embedded data";

export interface Observed {
  readonly uses: readonly Sight[];
  /** Addresses that stand in the code without being seen to be fetched. */
  readonly mentions: readonly { host: string; place: Place }[];
  readonly dynamic: readonly { kind: DynamicKind; place: Place }[];
}

/** Literals of this length without a blank are data that somebody put into the code. */
const embeddedLength = 2000;

const flags: Readonly<Record<string, string>> = { db: "database", cache: "cache", jobs: "jobs" };
const facades = new Set([...Object.keys(flags), "fetch", "call", "events", "secrets", "services"]);

export function observe(bundle: Bundle, folder: string): Observed {
  const uses: Sight[] = [];
  const mentions: { host: string; place: Place }[] = [];
  const dynamic: { kind: DynamicKind; place: Place }[] = [];
  visitBundle(bundle, folder, ({ node, parents, place }) => {
    const use = (...lines: readonly string[]): void =>
      lines.forEach((line) => uses.push({ use: line, place }));
    const own = !place.file.includes("node_modules/");
    const kind = dynamicKind(node);
    if (kind !== undefined) dynamic.push({ kind, place });
    if (node.type === "CallExpression") {
      use(...calledUses(node, own));
      if (nameOf(node["callee"])?.startsWith("definePlugin") === true) use(...definedUses(node));
    }
    if (own) use(...touchedUses(node, parents));
    const host = isFetched(parents, node) ? undefined : hostOf(node);
    if (host !== undefined) mentions.push({ host, place });
  });
  return { uses, mentions, dynamic };
}

/** `fetch("https://…")`, `ctx.call("mailer.send")`, `events.publish("note.created")`, `secrets.get("TOKEN")`. */
function calledUses(node: Syntax, own: boolean): string[] {
  const callee = node["callee"];
  const [first] = node["arguments"] as unknown[];
  const name = nameOf(callee) ?? propertyOf(callee);
  const on = isNode(callee) ? callee["object"] : undefined;
  const facade = nameOf(on) ?? propertyOf(on);
  if (name === "fetch") {
    const host = hostOf(first) ?? hostOf(firstArgument(first));
    return [host === undefined ? "fetch" : `fetch ${host}`];
  }
  if (!own) return [];
  const text = textOf(first);
  const value = text?.whole === true ? ` ${text.text}` : "";
  if (name === "call" && text !== undefined && /^[a-z][a-z0-9-]*\./.test(text.text)) return [`call${value}`];
  if (name === "publish" && facade === "events") return [`events.publish${value}`];
  if (name === "get" && (facade === "secrets" || facade === "services")) return [`${facade}${value}`];
  return [];
}

/** `definePlugin({ jobs: {…}, events: { "user.created": … } })`. */
function definedUses(node: Syntax): string[] {
  const [first] = node["arguments"] as unknown[];
  if (!isNode(first) || !Array.isArray(first["properties"])) return [];
  return first["properties"].flatMap((property: unknown) => {
    const key = keyOf(property);
    if (key === "jobs") return ["jobs"];
    const value = isNode(property) ? property["value"] : undefined;
    if (key !== "events" || !isNode(value) || !Array.isArray(value["properties"])) return [];
    return value["properties"].map((one: unknown) => {
      const name = keyOf(one);
      return name === undefined ? "events.subscribe" : `events.subscribe ${name}`;
    });
  });
}

/** `(request, { db }) =>`, and `ctx.db` or `c.env.db` where the first of it is a parameter. */
function touchedUses(node: Syntax, parents: readonly Syntax[]): string[] {
  if (node.type === "ObjectPattern" && isParameter(node, parents[0])) {
    const keys = (node["properties"] as unknown[]).map((one) => keyOf(one) ?? "");
    return keys.flatMap((key) => flags[key] ?? []);
  }
  const property = propertyOf(node);
  if (property === undefined || !facades.has(property)) return [];
  const root = rootOf(node);
  const isContext = root !== undefined && parents.some((parent) => hasParameter(parent, root));
  return isContext ? [flags[property] ?? []].flat() : [];
}

function rootOf(node: Syntax): string | undefined {
  let at: unknown = node;
  while (isNode(at) && at.type === "MemberExpression") at = at["object"];
  return nameOf(at);
}

const isParameter = (node: Syntax, parent: Syntax | undefined): boolean =>
  Array.isArray(parent?.["params"]) && parent["params"].includes(node);

const hasParameter = (parent: Syntax, name: string): boolean =>
  Array.isArray(parent["params"]) && parent["params"].some((one: unknown) => nameOf(one) === name);

/** `new URL("https://…")` and `new Request("https://…")` inside of fetch(). */
function firstArgument(node: unknown): unknown {
  return isNode(node) && node.type === "NewExpression" ? (node["arguments"] as unknown[])[0] : undefined;
}

function isFetched(parents: readonly Syntax[], node: Syntax): boolean {
  const call = parents.slice(0, 2).find((parent) => parent.type === "CallExpression");
  const first: unknown = (call?.["arguments"] as unknown[] | undefined)?.[0];
  const name = nameOf(call?.["callee"]) ?? propertyOf(call?.["callee"]);
  return name === "fetch" && (first === node || firstArgument(first) === node);
}

/** `api.example.com`, with the port where one is written. */
function hostOf(node: unknown): string | undefined {
  const text = textOf(node);
  if (text === undefined) return undefined;
  const [, host] = /^https?:\/\/([A-Za-z0-9.-]+(?::\d{1,5})?)(?=[/?#]|$)/.exec(text.text) ?? [];
  // A template that goes on right after the host may make another host of it.
  const isWhole = text.whole || text.text.length > (host ?? "").length + "https://".length;
  return host === undefined || !isWhole ? undefined : host.toLowerCase().replace(/:(80|443)$/, "");
}

function dynamicKind(node: Syntax): DynamicKind | undefined {
  const { type } = node;
  // `(0, eval)(…)` is the same, in the global scope.
  const written = node["callee"];
  const inner = isNode(written) && Array.isArray(written["expressions"]) ? written["expressions"] : undefined;
  const callee: unknown = inner === undefined ? written : inner.at(-1);
  const name = nameOf(callee) ?? propertyOf(callee);
  if (type === "CallExpression" && name === "eval") return "eval";
  if ((type === "CallExpression" || type === "NewExpression") && name === "Function") return "Function";
  const [first] = (node["arguments"] as unknown[] | undefined) ?? [];
  if (type === "CallExpression" && name === "constructor" && textOf(first) !== undefined) return "Function";
  if (type === "CallExpression" && /^set(Timeout|Interval)$/.test(name ?? "") && textOf(first) !== undefined)
    return "setTimeout with text";
  if (type === "ImportExpression" && textOf(node["source"])?.whole !== true) return "import()";
  if (type === "Identifier" && node["name"] === "WebAssembly") return "WebAssembly";
  const text = textOf(node)?.text ?? "";
  return text.length >= embeddedLength && !/\s/.test(text) ? "embedded data" : undefined;
}
