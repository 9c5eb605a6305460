// FormData, and the bodies it is read from. https://xhr.spec.whatwg.org/#interface-formdata
import { asFile, isBlob, type Blob, type File } from "./blob.ts";
import { bytesFromWire, textFromWire, type WireBody } from "./bytes.ts";
import { readMultipart } from "./multipart.ts";

type Entry = [string, string | File];

export class FormData {
  #entries: Entry[] = [];

  /** Whether it is one, however its prototype was changed. */
  static isFormData(value: object): value is FormData {
    return #entries in value;
  }

  append(name: string, value: string | Blob, filename?: string): void {
    this.#entries.push(entry(name, value, filename));
  }

  set(name: string, value: string | Blob, filename?: string): void {
    const at = this.#entries.findIndex(([known]) => known === name);
    this.#entries = this.#entries.filter(([known], index) => known !== name || index === at);
    if (at === -1) this.append(name, value, filename);
    else this.#entries[at] = entry(name, value, filename);
  }

  get(name: string): string | File | null {
    return this.#entries.find(([known]) => known === name)?.[1] ?? null;
  }

  getAll(name: string): (string | File)[] {
    return this.#entries.filter(([known]) => known === name).map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#entries.some(([known]) => known === name);
  }

  delete(name: string): void {
    this.#entries = this.#entries.filter(([known]) => known !== name);
  }

  forEach(callback: (value: string | File, name: string, form: FormData) => void, self?: unknown): void {
    for (const [name, value] of this) callback.call(self, value, name, this);
  }

  *entries(): IterableIterator<Entry> {
    for (const [name, value] of this.#entries) yield [name, value];
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.#entries) yield name;
  }

  *values(): IterableIterator<string | File> {
    for (const [, value] of this.#entries) yield value;
  }

  [Symbol.iterator](): IterableIterator<Entry> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "FormData";
  }
}

export const { isFormData } = FormData;
Reflect.deleteProperty(FormData, "isFormData");

function entry(name: string, value: string | Blob, filename: string | undefined): Entry {
  return [
    String(name),
    isBlob(value) ? asFile(value, filename === undefined ? undefined : String(filename)) : String(value),
  ];
}

/** The form in a body of that content type. Throws a `TypeError` when it is none. */
export function parseForm(contentType: string, { text, encoding }: WireBody): FormData {
  const type = contentType.split(";")[0]?.trim().toLowerCase();
  const form = new FormData();
  if (type === "application/x-www-form-urlencoded") {
    for (const [name, value] of parsePairs(textFromWire(text, encoding))) form.append(name, value);
  } else if (type === "multipart/form-data") {
    for (const [name, value] of readMultipart(contentType, bytesFromWire(text, encoding)))
      form.append(name, value);
  } else throw new TypeError(`formData: '${type ?? ""}' is the type of no form`);
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
