// A request's body as it comes in: chunks wait here until somebody reads, and no more of them than the window holds.
import { chunkCost, streamWindow } from "../../wire/protocol.ts";
import type { Outbox } from "../outbox.ts";
import { NativePromise } from "../primordials.ts";
import type { LateBody } from "../web/body.ts";

/** Credit is given back in portions of at least this much. */
const portion = streamWindow / 4;

interface Reader {
  resolve(text: string | undefined): void;
  reject(reason: unknown): void;
}

export class Inlet implements LateBody {
  readonly #id: number;
  readonly #outbox: Outbox;
  #chunks: string[] = [];
  #first = 0;
  #owed = 0;
  #state: "open" | "ended" | "closed" = "open";
  #reason: unknown = undefined;
  #reader: Reader | undefined;

  constructor(id: number, outbox: Outbox) {
    this.#id = id;
    this.#outbox = outbox;
  }

  /** The next chunk, Latin-1; undefined at the end. Rejects when the call is over before the body is. One reader at a time. */
  read(): Promise<string | undefined> {
    return new NativePromise((resolve, reject) => {
      const text = this.#take();
      if (text !== undefined) resolve(text);
      else if (this.#state === "closed") reject(this.#reason);
      else if (this.#state === "ended") resolve(undefined);
      else this.#reader = { resolve, reject };
    });
  }

  /** Nobody will read the rest: the core need not send it. */
  cancel(): void {
    if (this.#state !== "open") return;
    this.#outbox.add(`K${this.#id}\n`);
    this.#chunks = [];
    this.#state = "ended";
  }

  push(text: string): void {
    if (this.#state !== "open") return;
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader === undefined) this.#chunks[this.#chunks.length] = text;
    else {
      this.#giveBack(text.length);
      reader.resolve(text);
    }
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  /** The call is over: nothing more will come, and no credit is given any more. */
  close(reason: unknown): void {
    if (this.#state !== "open") return;
    this.#state = "closed";
    this.#reason = reason;
    this.#chunks = [];
    this.#reader?.reject(reason);
    this.#reader = undefined;
  }

  #take(): string | undefined {
    const text = this.#chunks[this.#first];
    if (text === undefined) return undefined;
    this.#first += 1;
    if (this.#first === this.#chunks.length) {
      this.#chunks = [];
      this.#first = 0;
    }
    this.#giveBack(text.length);
    return text;
  }

  #giveBack(length: number): void {
    this.#owed += chunkCost(length);
    if (this.#state !== "open" || this.#owed < portion) return;
    this.#outbox.add(`G${this.#id} ${this.#owed}\n`);
    this.#owed = 0;
  }
}
