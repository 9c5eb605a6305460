// Finds the handler of a request: exact paths in one look, then paths with parameters by segment, most exact first.
import { XcoreError } from "./errors.ts";
import { SafeMap } from "./primordials.ts";

export type Params = Readonly<Record<string, string>>;

export type Match<Handler> =
  | { kind: "found"; handler: Handler; route: string; params: Params }
  /** The path is known, with these methods only. */
  | { kind: "other-methods"; allow: string[] }
  | { kind: "malformed" }
  | { kind: "none" };

interface Leaf<Handler> {
  handler: Handler;
  route: string;
  names: readonly string[];
}

class Node<Handler> {
  readonly exact = new SafeMap<string, Node<Handler>>();
  param: Node<Handler> | undefined;
  rest: Node<Handler> | undefined;
  readonly leaves = new SafeMap<string, Leaf<Handler>>();
}

export const noParams: Params = Object.freeze(Object.create(null) as Params);
const routePattern = /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (\/\S*)$/;

export class Router<Handler> {
  readonly #static = new SafeMap<string, Match<Handler>>();
  readonly #root = new Node<Handler>();

  /** `route` is "METHOD /path", with `:name` for one segment and `*` at the end for the rest. */
  add(route: string, handler: Handler): void {
    const [, method = "", path = ""] = routePattern.exec(route) ?? [];
    if (method === "") {
      throw fault(route, `it is not "METHOD /path", for example "GET /notes/:id"`);
    }
    const names: string[] = [];
    const segments = segmentsOf(path);
    let node = this.#root;
    for (const [at, segment] of segments.entries()) {
      node = this.#step(node, segment, at === segments.length - 1, names, route);
    }
    const taken = node.leaves.get(method);
    if (taken !== undefined) throw fault(route, `it matches the same requests as "${taken.route}"`);
    node.leaves.set(method, { handler, route, names });
    if (names.length === 0) {
      const match: Match<Handler> = { kind: "found", handler, route, params: noParams };
      this.#static.set(`${method} ${path}`, match);
      if (method === "GET" && !this.#static.has(`HEAD ${path}`)) this.#static.set(`HEAD ${path}`, match);
    }
  }

  /** `path` as it stands in the URL. HEAD is answered by GET; a slash at the end makes no difference. */
  find(method: string, path: string): Match<Handler> {
    const exact = this.#static.get(`${method} ${path}`);
    if (exact !== undefined) return exact;
    const segments = segmentsOf(path);
    if (path.includes("%")) {
      try {
        for (const [at, segment] of segments.entries()) segments[at] = decodeURIComponent(segment);
      } catch {
        return { kind: "malformed" };
      }
    }
    const allow = new Set<string>();
    const found = search(this.#root, segments, 0, [], method, allow);
    if (found !== undefined) return found;
    if (allow.size === 0) return { kind: "none" };
    if (allow.has("GET")) allow.add("HEAD");
    return { kind: "other-methods", allow: [...allow].toSorted() };
  }

  #step(
    node: Node<Handler>,
    segment: string,
    isLast: boolean,
    names: string[],
    route: string,
  ): Node<Handler> {
    if (segment === "*") {
      if (!isLast) throw fault(route, "'*' stands for the rest of the path and only at its end");
      names.push("*");
      return (node.rest ??= new Node());
    }
    if (segment.startsWith(":")) {
      const name = segment.slice(1);
      if (!/^\w+$/.test(name)) throw fault(route, `':${name}' is no parameter name (letters, digits, _)`);
      if (names.includes(name)) throw fault(route, `':${name}' stands in it twice`);
      names.push(name);
      return (node.param ??= new Node());
    }
    const known = node.exact.get(segment);
    if (known !== undefined) return known;
    const made = new Node<Handler>();
    node.exact.set(segment, made);
    return made;
  }
}

function search<Handler>(
  node: Node<Handler>,
  segments: string[],
  at: number,
  values: string[],
  method: string,
  allow: Set<string>,
): Match<Handler> | undefined {
  const segment = segments[at];
  if (segment === undefined) return leafOf(node, values, method, allow);
  const exact = node.exact.get(segment);
  const byName = exact && search(exact, segments, at + 1, values, method, allow);
  if (byName !== undefined) return byName;
  const byParam =
    node.param && segment !== ""
      ? search(node.param, segments, at + 1, [...values, segment], method, allow)
      : undefined;
  if (byParam !== undefined) return byParam;
  return node.rest && leafOf(node.rest, [...values, segments.slice(at).join("/")], method, allow);
}

function leafOf<Handler>(
  node: Node<Handler>,
  values: string[],
  method: string,
  allow: Set<string>,
): Match<Handler> | undefined {
  const leaf = node.leaves.get(method) ?? (method === "HEAD" ? node.leaves.get("GET") : undefined);
  if (leaf === undefined) {
    node.leaves.forEach((_, known) => allow.add(known));
    return undefined;
  }
  const params = { __proto__: null } as unknown as Record<string, string>;
  for (const [at, name] of leaf.names.entries()) params[name] = values[at] ?? "";
  return { kind: "found", handler: leaf.handler, route: leaf.route, params };
}

function segmentsOf(path: string): string[] {
  const end = path.length > 1 && path.endsWith("/") ? path.length - 1 : path.length;
  return end <= 1 ? [] : path.slice(1, end).split("/");
}

function fault(route: string, why: string): XcoreError {
  return new XcoreError("PLUGIN_DEFINITION", `routes: "${route}": ${why}`);
}
