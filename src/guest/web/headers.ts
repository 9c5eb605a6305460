// Headers. https://fetch.spec.whatwg.org/#headers-class
// What comes from the wire stays one string until somebody reads it.

type HeadersInit = Headers | Iterable<readonly [string, string]> | Readonly<Record<string, string>>;

const namePattern = /^[!#$%&'*+\-.^_`|~\w]+$/;
// oxlint-disable-next-line no-control-regex -- exactly the characters that end a header or a message
const badValue = /[\0\r\n]/;
const beyondBytes = /[^\0-\u00ff]/;

export class Headers {
  /** Lower-case name to values in the order they came. */
  #table: Map<string, string[]> | undefined;
  #unread = "";

  constructor(init?: HeadersInit) {
    if (init === undefined) return;
    if (typeof init !== "object" || init === null)
      throw new TypeError("Headers: expected headers, pairs or a record");
    if (#table in init) {
      for (const [name, values] of init.#read()) this.#read().set(name, [...values]);
      return;
    }
    const pairs = Symbol.iterator in init ? init : Object.entries(init);
    for (const pair of pairs) {
      const [name, value, ...more] = [...pair, pair];
      if (more.length !== 1) throw new TypeError("Headers: a pair has a name and a value");
      this.append(name as string, value as string);
    }
  }

  /** "name\nvalue\nname\nvalue", trusted to be valid. */
  static fromWire(head: string): Headers {
    const headers = new Headers();
    headers.#unread = head;
    return headers;
  }

  append(name: string, value: string): void {
    const table = this.#read();
    const key = normalName(name);
    const known = table.get(key);
    if (known === undefined) table.set(key, [normalValue(value)]);
    else known.push(normalValue(value));
  }

  set(name: string, value: string): void {
    this.#read().set(normalName(name), [normalValue(value)]);
  }

  get(name: string): string | null {
    return this.#read().get(normalName(name))?.join(", ") ?? null;
  }

  has(name: string): boolean {
    return this.#read().has(normalName(name));
  }

  delete(name: string): void {
    this.#read().delete(normalName(name));
  }

  getSetCookie(): string[] {
    return [...(this.#read().get("set-cookie") ?? [])];
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, self?: unknown): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    for (const [name, values] of [...this.#read()].toSorted(([one], [other]) => (one < other ? -1 : 1))) {
      if (name === "set-cookie") for (const value of values) yield [name, value];
      else yield [name, values.join(", ")];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.entries()) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }

  #read(): Map<string, string[]> {
    if (this.#table !== undefined) return this.#table;
    const table = new Map<string, string[]>();
    this.#table = table;
    if (this.#unread === "") return table;
    const flat = this.#unread.split("\n");
    this.#unread = "";
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const key = (flat[at] ?? "").toLowerCase();
      const known = table.get(key);
      if (known === undefined) table.set(key, [flat[at + 1] ?? ""]);
      else known.push(flat[at + 1] ?? "");
    }
    return table;
  }
}

function normalName(name: string): string {
  const text = String(name);
  if (!namePattern.test(text)) throw new TypeError(`Headers: '${text}' is not a header name`);
  return text.toLowerCase();
}

function normalValue(value: string): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  if (badValue.test(text)) throw new TypeError("Headers: a value holds a line break or a NUL");
  if (beyondBytes.test(text)) {
    throw new TypeError("Headers: a value holds a character beyond U+00FF; encode it (encodeURIComponent)");
  }
  return text;
}
