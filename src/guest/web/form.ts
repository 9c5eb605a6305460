// FormData with text entries, and the urlencoded bodies it is read from. Files would need Blob, which does not exist inside.
export class FormData {
  #entries: [string, string][] = [];

  append(name: string, value: string): void {
    this.#entries.push([String(name), String(value)]);
  }

  set(name: string, value: string): void {
    const at = this.#entries.findIndex(([known]) => known === name);
    this.#entries = this.#entries.filter(([known], index) => known !== name || index === at);
    if (at === -1) this.append(name, value);
    else this.#entries[at] = [String(name), String(value)];
  }

  get(name: string): string | null {
    return this.#entries.find(([known]) => known === name)?.[1] ?? null;
  }

  getAll(name: string): string[] {
    return this.#entries.filter(([known]) => known === name).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#entries.some(([known]) => known === name);
  }

  delete(name: string): void {
    this.#entries = this.#entries.filter(([known]) => known !== name);
  }

  forEach(callback: (value: string, name: string, form: FormData) => void, self?: unknown): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): IterableIterator<[string, string]> {
    for (const [name, value] of this.#entries) yield [name, value];
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.#entries) yield name;
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.#entries) yield value;
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "FormData";
  }
}

export function parseForm(contentType: string, text: string): FormData {
  const type = contentType.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    throw new TypeError(
      `formData: inside a plugin only application/x-www-form-urlencoded can be read, not '${type ?? ""}'`,
    );
  }
  const form = new FormData();
  for (const [name, value] of parsePairs(text)) form.append(name, value);
  return form;
}

/** The pairs of a query or of a urlencoded body, without loading URLSearchParams. */
export function parsePairs(text: string): [string, string][] {
  const pairs: [string, string][] = [];
  for (const part of text.split("&")) {
    if (part === "") continue;
    const equals = part.indexOf("=");
    const name = equals === -1 ? part : part.slice(0, equals);
    pairs.push([decode(name), decode(equals === -1 ? "" : part.slice(equals + 1))]);
  }
  return pairs;
}

function decode(text: string): string {
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    // As URLSearchParams does: what is no UTF-8 becomes replacement characters, a stray % stays.
    return spaced.replace(/(?:%[\da-f]{2})+/gi, (run) =>
      new TextDecoder().decode(Uint8Array.from(run.slice(1).split("%"), (hex) => Number.parseInt(hex, 16))),
    );
  }
}
