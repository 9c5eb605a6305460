// A response's body on its way out: read as far as the core has room for it, put into the outbox when that is drained.
import { chunkCost, chunkWithin, streamWindow } from "../../wire/protocol.ts";
import { errorJson } from "../errors.ts";
import type { Outbox } from "../outbox.ts";
import { NativePromise, stringSlice } from "../primordials.ts";
import { copyOfBytes, latin1FromBytes } from "../web/bytes.ts";

/** A response whose body is a stream. */
export interface StreamedAnswer {
  status: number;
  /** "name\nvalue\nname\nvalue" */
  head: string;
  stream: ReadableStream<Uint8Array>;
}

export interface OutletEvents {
  /** It is over, whole or cut off; nothing more is said of this call. */
  onEnd(): void;
  /** The stream failed before anything of the answer was sent: it may still be another one. */
  onEarlyFailure(thrown: unknown): void;
}

export class Outlet {
  readonly #id: number;
  readonly #answer: StreamedAnswer;
  readonly #outbox: Outbox;
  readonly #events: OutletEvents;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Read but not sent, Latin-1. */
  #text = "";
  #credit = streamWindow;
  #state: "reading" | "read" | "failed" | "over" = "reading";
  #failure = "";
  #headSent = false;
  #noted = false;
  #goOn: (() => void) | undefined;

  constructor(id: number, answer: StreamedAnswer, outbox: Outbox, events: OutletEvents) {
    this.#id = id;
    this.#answer = answer;
    this.#outbox = outbox;
    this.#events = events;
    this.#reader = answer.stream.getReader();
    void this.#pump();
    // The head goes with this turn, but not before what the stream has at once: all of that may be one record.
    void new NativePromise<void>((resolve) => resolve()).then(() => this.#note());
  }

  credit(units: number): void {
    this.#credit += units;
    if (this.#text !== "") this.#note();
    this.#goOn?.();
  }

  /** Nobody waits for the rest: the stream's own `cancel` is told. */
  cancel(reason: unknown): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#text = "";
    this.#goOn?.();
    this.#reader.cancel(reason).catch(() => undefined);
  }

  /** Adds what there is credit and room for; false when it was room that was missing. */
  flush(): boolean {
    this.#noted = false;
    if (this.#state === "over") return true;
    if (!this.#headSent && !this.#sendHead()) return this.#starve();
    if (this.#isOver()) return true;
    for (let length = this.#next(); length > 0; length = this.#next()) {
      const record = `D${this.#id} latin1\n${stringSlice(this.#text, 0, length)}`;
      if (!this.#outbox.hasRoom(record.length)) return this.#starve();
      this.#outbox.add(record);
      this.#credit -= chunkCost(length);
      this.#text = stringSlice(this.#text, length);
    }
    if (this.#text === "") this.#sendEnd();
    return true;
  }

  async #pump(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (this.#isOver()) return;
        if (done) break;
        this.#text += textOf(value);
        this.#note();
        while (this.#text.length >= this.#credit) {
          await new NativePromise<void>((resolve) => {
            this.#goOn = resolve;
          });
          if (this.#isOver()) return;
        }
      }
      this.#state = "read";
    } catch (thrown) {
      if (this.#isOver()) return;
      if (this.#headSent) {
        this.#state = "failed";
        this.#failure = errorJson(thrown);
      } else {
        this.#state = "over";
        this.#events.onEarlyFailure(thrown);
      }
      this.#reader.cancel(thrown).catch(() => undefined);
    }
    this.#note();
  }

  /** A body that has ended by now goes in one record with its head. */
  #sendHead(): boolean {
    const { status, head } = this.#answer;
    const isWhole = this.#state === "read";
    const record = isWhole
      ? `P${this.#id} ${status} latin1 ${head.length}\n${head}${this.#text}`
      : `S${this.#id} ${status} ${head.length}\n${head}`;
    if (!this.#outbox.hasRoom(record.length)) return false;
    this.#headSent = true;
    this.#outbox.add(record);
    if (isWhole) this.#end();
    return true;
  }

  #sendEnd(): void {
    if (this.#state === "read") this.#outbox.add(`Z${this.#id}\n`);
    else if (this.#state === "failed") this.#outbox.add(`E${this.#id}\n${this.#failure}`);
    else return;
    this.#end();
  }

  #end(): void {
    this.#state = "over";
    this.#text = "";
    this.#events.onEnd();
  }

  /** How long the next chunk is. */
  #next(): number {
    const most = chunkWithin(this.#credit);
    return this.#text.length < most ? this.#text.length : most;
  }

  #note(): void {
    if (this.#noted || this.#state === "over") return;
    this.#noted = true;
    this.#outbox.atDrain(this);
  }

  #starve(): false {
    this.#noted = true;
    return false;
  }

  // Asked after every await, where it can have changed.
  #isOver(): boolean {
    return this.#state === "over";
  }
}

function textOf(chunk: unknown): string {
  const bytes = typeof chunk === "string" ? new TextEncoder().encode(chunk) : copyOfBytes(chunk);
  if (bytes === undefined) throw new TypeError("the body's stream gave something that is no bytes");
  return latin1FromBytes(bytes);
}
