// The columns of a result, and how one of its rows is read.
import type { Row } from "../../../wire/host-calls.ts";
import type { Json } from "../../../wire/json.ts";
import { readerOf } from "./values.ts";

export class Columns {
  /** What a row weighs beside its values. */
  readonly overhead: number;
  readonly #names: readonly string[];
  readonly #readers: readonly ((text: string) => Json)[];

  constructor(fields: readonly { readonly name: string; readonly dataTypeID: number }[]) {
    this.#names = fields.map(({ name }) => name);
    this.#readers = fields.map(({ dataTypeID }) => readerOf(dataTypeID));
    this.overhead = this.#names.reduce((sum, name) => sum + name.length + 4, 2);
  }

  get count(): number {
    return this.#names.length;
  }

  read(texts: readonly (string | null)[]): Row {
    const row: Record<string, Json> = {};
    for (let index = 0; index < this.#names.length; index += 1) {
      const name = this.#names[index] ?? "";
      const text = texts[index] ?? null;
      const value = text === null ? null : (this.#readers[index]?.(text) ?? null);
      if (name === "__proto__") Object.defineProperty(row, name, { value, enumerable: true });
      else row[name] = value;
    }
    return row;
  }
}
