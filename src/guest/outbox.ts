// What waits to be drained: records, already strings, under a cap; log lines under a smaller one of their own.
import type { GuestMessage } from "../wire/messages.ts";
import { maxRecordLength } from "../wire/protocol.ts";
import { jsonStringify, stringSlice } from "./primordials.ts";

type LogLevel = Extract<GuestMessage, { kind: "log" }>["level"];

/** Of all records together, in UTF-16 code units; a single record alone may be as long as the wire allows. */
const maxLength = maxRecordLength;
const maxLogLines = 256;
const maxLogLength = 512 * 1024;
const maxMessageLength = 4 * 1024;
const maxFieldsLength = 8 * 1024;

/** What has records to add, but not before the turn is over. */
export interface Flusher {
  /** Adds as many as there is room for; false when there was too little. */
  flush(): boolean;
}

export class Outbox {
  #batch = "";
  #flushers: Flusher[] = [];
  #crowded = false;
  #logLines = 0;
  #logLength = 0;
  #droppedLines = 0;

  /** Whether a record of this length may still be added. */
  hasRoom(length: number): boolean {
    return length <= maxRecordLength && (this.#batch === "" || this.#batch.length + length <= maxLength);
  }

  /** Adds without looking at the cap: for records that are small and must not get lost. */
  add(record: string): void {
    this.#batch += `${record.length}:${record}`;
  }

  /** Has it asked for its records when the outbox is next drained. */
  atDrain(flusher: Flusher): void {
    this.#flushers[this.#flushers.length] = flusher;
  }

  /** Whether what was drained last left something behind for want of room. */
  get crowded(): boolean {
    return this.#crowded;
  }

  /** `fields` is JSON of an object, or "{}". `call`: the id of the one it is written in; 0: nobody knows. */
  log(level: LogLevel, message: string, fields: string, call: number = 0): void {
    const text =
      message.length > maxMessageLength ? `${stringSlice(message, 0, maxMessageLength)}…` : message;
    const kept = fields.length > maxFieldsLength ? "{}" : fields;
    const length = text.length + kept.length;
    if (this.#logLines >= maxLogLines || this.#logLength + length > maxLogLength) {
      this.#droppedLines += 1;
      return;
    }
    this.#logLines += 1;
    this.#logLength += length;
    const head = call === 0 ? `L${level}` : `L${level} ${call}`;
    this.add(`${head}\n{"message":${jsonStringify(text)},"fields":${kept}}`);
  }

  drain(): string {
    if (this.#flushers.length > 0) this.#flushAll();
    if (this.#droppedLines > 0) {
      this.add(`Lwarn\n{"message":"${this.#droppedLines} log lines dropped","fields":{}}`);
    }
    const batch = this.#batch;
    this.#batch = "";
    this.#logLines = 0;
    this.#logLength = 0;
    this.#droppedLines = 0;
    return batch;
  }

  #flushAll(): void {
    const flushers = this.#flushers;
    this.#flushers = [];
    for (let at = 0; at < flushers.length; at += 1) {
      const flusher = flushers[at] as Flusher;
      if (!flusher.flush()) this.atDrain(flusher);
    }
    this.#crowded = this.#flushers.length > 0;
  }
}
