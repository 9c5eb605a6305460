// One line on a terminal that says what is going on; elsewhere only what explains a wait.
import { stripVTControlCharacters } from "node:util";
import { oneLine, outputWidth, truncate } from "./render/table.ts";

export class Progress implements Disposable {
  readonly #stream: NodeJS.WriteStream;
  readonly #quiet: boolean;
  #shown = false;

  constructor(options: { quiet: boolean; stream?: NodeJS.WriteStream }) {
    this.#stream = options.stream ?? process.stderr;
    this.#quiet = options.quiet;
  }

  readonly show = (message: string): void => {
    if (this.#quiet) return;
    const text = oneLine(stripVTControlCharacters(message));
    if (this.#stream.isTTY) {
      this.#stream.write(`\r\u001B[K${truncate(`… ${text}`, outputWidth(this.#stream) - 1)}`);
      this.#shown = true;
    } else if (text.startsWith("waiting")) {
      this.#stream.write(`${text}\n`);
    }
  };

  /** Takes the line away, so that something else can be written. */
  readonly clear = (): void => {
    if (this.#shown) this.#stream.write("\r\u001B[K");
    this.#shown = false;
  };

  [Symbol.dispose](): void {
    this.clear();
  }
}
