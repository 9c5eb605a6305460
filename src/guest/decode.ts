// Reads what the core sends. The format is wire/messages.ts; this reader stands on captured intrinsics only and makes no garbage of its own.
import type { CoreMessage, LazyRequest } from "../wire/messages.ts";
import type { BodyEncoding } from "../wire/host-calls.ts";
import type { GuestCallKind } from "../wire/guest-calls.ts";
import { maxRecordLength } from "../wire/protocol.ts";
import { charCodeAt, NativeSyntaxError, stringIndexOf, stringSlice } from "./primordials.ts";

export type Received = Exclude<CoreMessage, { kind: "request" }> | LazyRequest;

/** All messages of a batch. Throws a `SyntaxError` and gives none when any of them is malformed. */
export function decodeBatch(batch: string): Received[] {
  const messages: Received[] = [];
  let at = 0;
  while (at < batch.length) {
    const colon = stringIndexOf(batch, ":", at);
    const length = colon === -1 ? -1 : digits(batch, at, colon);
    const start = colon + 1;
    if (length < 2 || length > maxRecordLength || start + length > batch.length) malformed("batch");
    messages[messages.length] = decodeRecord(batch, start, start + length);
    at = start + length;
  }
  return messages;
}

function decodeRecord(batch: string, start: number, end: number): Received {
  const lineEnd = stringIndexOf(batch, "\n", start);
  if (lineEnd === -1 || lineEnd >= end) malformed("record without a head");
  const head = new Head(batch, start + 1, lineEnd);
  const body = lineEnd + 1;
  switch (batch[start]) {
    case "B":
      return { kind: "boot", json: stringSlice(batch, body, end) };
    case "Q":
      return decodeRequest(batch, head, body, end);
    case "C": {
      const id = head.count();
      const timeoutMs = head.count();
      const call = callKind(head.word());
      const nameEnd = body + head.count();
      if (nameEnd > end) malformed("call");
      const name = stringSlice(batch, body, nameEnd);
      return { kind: "call", id, timeoutMs, call, name, json: stringSlice(batch, nameEnd, end) };
    }
    case "R":
      return { kind: "reply", id: head.count(), json: stringSlice(batch, body, end) };
    case "F":
      return { kind: "failure", id: head.count(), json: stringSlice(batch, body, end) };
    case "A":
      return { kind: "abort", id: head.count() };
    case "D": {
      const id = head.count();
      return { kind: "chunk", id, encoding: bodyEncoding(head.word()), text: stringSlice(batch, body, end) };
    }
    case "Z":
      return { kind: "end", id: head.count() };
    case "M": {
      const id = head.count();
      const encoding = bodyEncoding(head.word());
      const last = head.count() === 1;
      return { kind: "message", id, encoding, last, text: stringSlice(batch, body, end) };
    }
    case "W": {
      const id = head.count();
      return { kind: "close", id, code: head.count(), reason: stringSlice(batch, body, end) };
    }
    case "G": {
      const id = head.count();
      return { kind: "credit", id, units: head.count() };
    }
    default:
      return malformed("unknown record");
  }
}

function decodeRequest(batch: string, head: Head, body: number, end: number): LazyRequest {
  const id = head.count();
  const timeoutMs = head.count();
  const word = head.word();
  const encoding = word === "stream" ? word : bodyEncoding(word);
  const methodEnd = body + head.count();
  const urlEnd = methodEnd + head.count();
  const headEnd = urlEnd + head.count();
  if (headEnd > end) malformed("request");
  return {
    kind: "lazy-request",
    id,
    timeoutMs,
    encoding,
    method: stringSlice(batch, body, methodEnd),
    url: stringSlice(batch, methodEnd, urlEnd),
    head: stringSlice(batch, urlEnd, headEnd),
    body: stringSlice(batch, headEnd, end),
  };
}

/** Walks the space-separated fields of a head line. */
class Head {
  readonly #text: string;
  readonly #end: number;
  #at: number;

  constructor(text: string, at: number, end: number) {
    this.#text = text;
    this.#at = at;
    this.#end = end;
  }

  count(): number {
    const start = this.#at;
    const value = digits(this.#text, start, this.#next());
    if (value < 0) malformed("number");
    return value;
  }

  word(): string {
    const start = this.#at;
    return stringSlice(this.#text, start, this.#next());
  }

  /** The end of the field at the cursor; moves behind the space after it. */
  #next(): number {
    let at = this.#at;
    while (at < this.#end && charCodeAt(this.#text, at) !== 32) at += 1;
    this.#at = at + 1;
    return at;
  }
}

/** A decimal number of 1 to 15 digits, or -1. */
function digits(text: string, start: number, end: number): number {
  if (end <= start || end - start > 15) return -1;
  let value = 0;
  for (let at = start; at < end; at += 1) {
    const digit = charCodeAt(text, at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function bodyEncoding(word: string): BodyEncoding {
  return word === "utf8" || word === "latin1" ? word : malformed("encoding");
}

function callKind(word: string): GuestCallKind {
  switch (word) {
    case "start":
    case "stop":
    case "action":
    case "job":
    case "event":
    case "hook":
      return word;
    default:
      return malformed("call");
  }
}

function malformed(what: string): never {
  throw new NativeSyntaxError(`malformed ${what}`);
}
