// The file of a dump: SQL text of COPY blocks between a head, which says what is in it, and an end, which says that it is whole.
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { XcoreError } from "../../base/error.ts";

export interface DumpHead {
  readonly project: string;
  readonly xcore: string;
  readonly postgres: string;
  /** ISO 8601. */
  readonly made: string;
  readonly targets: readonly DumpTarget[];
}

export interface DumpTarget {
  /** `application`, or the plugin's name. */
  readonly target: string;
  /** Applied when it was made, in their order. `checksum` is empty where it was not known. */
  readonly migrations: readonly { readonly name: string; readonly checksum: string }[];
}

const firstLine = "-- xcore dump 1";
const endLine = "-- end of dump";
const rowsEnd = Buffer.from("\\.\n");

export function headText(head: DumpHead): string {
  return `${firstLine}\n-- ${JSON.stringify(head)}\n`;
}

export const endText = `${endLine}\n`;
export const rowsEndText = "\\.\n";

/** Reads a dump from its beginning to its end, once. */
export class DumpReader {
  readonly #file: string;
  readonly #chunks: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  private constructor(file: string) {
    this.#file = file;
    const stream = createReadStream(file);
    const text = file.endsWith(".gz") ? stream.pipe(createGunzip()) : stream;
    if (text !== stream) stream.on("error", (error) => text.destroy(error));
    this.#chunks = text[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  static async open(file: string): Promise<{ reader: DumpReader; head: DumpHead }> {
    const reader = new DumpReader(file);
    const [first, second = ""] = [await reader.line(), await reader.line()];
    if (first !== firstLine) throw reader.#fault("it is no dump of this xcore");
    return { reader, head: reader.#head(second) };
  }

  /** The next line of SQL; undefined at the end of a whole dump. */
  async statement(): Promise<string | undefined> {
    const line = await this.line();
    if (line === endLine) return undefined;
    if (line === undefined) throw this.#fault("it is cut off");
    return line;
  }

  /** The rows of the COPY block that begins here. */
  async *rows(): AsyncGenerator<Buffer, void, undefined> {
    for (;;) {
      const atOnce = this.#rest.subarray(0, rowsEnd.length).equals(rowsEnd);
      const at = atOnce ? 0 : this.#rest.indexOf(`\n${rowsEndText}`) + 1;
      if (atOnce || at > 0) {
        const rows = this.#rest.subarray(0, at);
        this.#rest = this.#rest.subarray(at + rowsEnd.length);
        if (rows.length > 0) yield rows;
        return;
      }
      const whole = this.#rest.lastIndexOf(10) + 1;
      const rows = this.#rest.subarray(0, whole);
      this.#rest = this.#rest.subarray(whole);
      if (rows.length > 0) yield rows;
      if (!(await this.#more())) throw this.#fault("it is cut off");
    }
  }

  async line(): Promise<string | undefined> {
    for (;;) {
      const end = this.#rest.indexOf(10);
      if (end !== -1) {
        const text = this.#rest.subarray(0, end).toString("utf8");
        this.#rest = this.#rest.subarray(end + 1);
        return text;
      }
      if (!(await this.#more())) return undefined;
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #more(): Promise<boolean> {
    try {
      const { value, done } = await this.#chunks.next();
      if (done === true) return false;
      this.#rest = Buffer.concat([this.#rest, value]);
      return true;
    } catch (error) {
      throw this.#fault("it can't be read", error);
    }
  }

  #head(line: string): DumpHead {
    try {
      return JSON.parse(line.slice(3)) as DumpHead;
    } catch (error) {
      throw this.#fault("its second line is damaged", error);
    }
  }

  #fault(what: string, cause?: unknown): XcoreError {
    return new XcoreError("INPUT_INVALID", `${this.#file}: ${what}`, {
      hint: "Give a file that xcore db dump has made, whole.",
      details: { file: this.#file },
      cause,
    });
  }
}
