// The records' texts. The first character tells the kind, a head line of space-separated fields follows, then the rest by length.
// Heads hold numbers and fixed words only; whatever a stranger chose (URL, names, headers, bodies) stands behind the head.
import { maxHeadLength } from "./protocol.ts";
import { readCount } from "./records.ts";
import type { BodyEncoding } from "./host-calls.ts";
import type { GuestCallKind, GuestRequest, GuestResponse } from "./guest-calls.ts";
import {
  bodyEncoding,
  count,
  decodeStreamMessage,
  encodeStreamMessage,
  splitHeaders,
  type GuestStreamMessage,
  type TwoWayMessage,
} from "./stream-messages.ts";

/** Core to guest. */
export type CoreMessage =
  /** First record of every isolate; answered by `value` 0 with a GuestDescription, or `error` 0. */
  | { kind: "boot"; json: string }
  | { kind: "request"; id: number; timeoutMs: number; request: GuestRequest }
  | { kind: "call"; id: number; timeoutMs: number; call: GuestCallKind; name: string; json: string }
  /** Answer to a host call. */
  | { kind: "reply"; id: number; json: string }
  | { kind: "failure"; id: number; json: string }
  /** The caller has gone or the deadline has passed: fires the call's AbortSignal, ends its streams; no answer is awaited. */
  | { kind: "abort"; id: number }
  | TwoWayMessage;

/** Guest to core. */
export type GuestMessage =
  | { kind: "response"; id: number; response: GuestResponse }
  | GuestStreamMessage
  /** A call's result; JSON. */
  | { kind: "value"; id: number; json: string }
  /** A request or call failed; JSON of a GuestError. */
  | { kind: "error"; id: number; json: string }
  /** `call` is the id of the request or call on whose behalf it is made; 0: the plugin's own. */
  | { kind: "host-call"; id: number; call: number; name: string; json: string }
  /** The guest no longer waits for a host call. */
  | { kind: "cancel"; id: number }
  /** JSON of { message, fields }. `call`: the one it was written in; 0: none that the guest knows of. */
  | { kind: "log"; level: "debug" | "info" | "warn" | "error"; call: number; json: string };

/** Numbers, a fixed word, the name of a host call. */
const maxHeadLineLength = 256;

const levels = ["debug", "info", "warn", "error"] as const;

export function encodeCoreMessage(message: CoreMessage): string {
  switch (message.kind) {
    case "boot":
      return `B\n${message.json}`;
    case "request": {
      const { method, url, headers, body, encoding, streamed } = message.request;
      const head = headers.join("\n");
      return `Q${message.id} ${message.timeoutMs} ${streamed === true ? "stream" : encoding} ${method.length} ${url.length} ${head.length}\n${method}${url}${head}${body}`;
    }
    case "call":
      return `C${message.id} ${message.timeoutMs} ${message.call} ${message.name.length}\n${message.name}${message.json}`;
    case "reply":
      return `R${message.id}\n${message.json}`;
    case "failure":
      return `F${message.id}\n${message.json}`;
    case "abort":
      return `A${message.id}\n`;
    default:
      return encodeStreamMessage(message);
  }
}

/** A request as the guest reads it: header texts stay one string until somebody asks for them, see `splitHeaders`. */
export interface LazyRequest {
  kind: "lazy-request";
  id: number;
  timeoutMs: number;
  /** The body's; `stream`: it follows in chunks. */
  encoding: BodyEncoding | "stream";
  method: string;
  url: string;
  head: string;
  body: string;
}

export function encodeGuestMessage(message: GuestMessage): string {
  switch (message.kind) {
    case "response": {
      const { status, headers, body, encoding } = message.response;
      const head = headers.join("\n");
      return `P${message.id} ${status} ${encoding} ${head.length}\n${head}${body}`;
    }
    case "value":
      return `V${message.id}\n${message.json}`;
    case "error":
      return `E${message.id}\n${message.json}`;
    case "host-call":
      return `H${message.id} ${message.call} ${message.name}\n${message.json}`;
    case "cancel":
      return `X${message.id}\n`;
    case "log":
      return `L${message.level}${message.call === 0 ? "" : ` ${message.call}`}\n${message.json}`;
    default:
      return encodeStreamMessage(message);
  }
}

/** Throws a `SyntaxError` on a record that is none; every field is checked, since a guest may have written it. */
export function decodeGuestMessage(record: string): GuestMessage {
  if (record.startsWith("P")) return decodeResponse(record);
  const { fields, rest } = split(record);
  switch (record[0]) {
    case "V":
      return { kind: "value", id: count(fields[0]), json: rest };
    case "E":
      return { kind: "error", id: count(fields[0]), json: rest };
    case "H":
      return {
        kind: "host-call",
        id: count(fields[0]),
        call: count(fields[1]),
        name: fields[2] ?? "",
        json: rest,
      };
    case "X":
      return { kind: "cancel", id: count(fields[0]) };
    case "L":
      return {
        kind: "log",
        level: oneOf(levels, fields[0]),
        call: fields[1] === undefined ? 0 : count(fields[1]),
        json: rest,
      };
    default: {
      const message = decodeStreamMessage(record[0], fields, rest);
      if (message === undefined) throw new SyntaxError("unknown record");
      return message;
    }
  }
}

/** The one kind that comes for every request: read without cutting its head into pieces. */
function decodeResponse(record: string): GuestMessage {
  const idEnd = record.indexOf(" ");
  const statusEnd = record.indexOf(" ", idEnd + 1);
  const encodingEnd = record.indexOf(" ", statusEnd + 1);
  const lineEnd = record.indexOf("\n");
  const id = readCount(record, 1, idEnd);
  const status = readCount(record, idEnd + 1, statusEnd);
  const encoding = bodyEncoding(record.slice(statusEnd + 1, encodingEnd));
  const headEnd = lineEnd + 1 + readCount(record, encodingEnd + 1, lineEnd);
  if (status < 200 || status > 599 || headEnd > record.length) throw new SyntaxError("malformed response");
  if (headEnd - lineEnd > maxHeadLength + 1) throw new SyntaxError("a response whose head is too large");
  const headers = splitHeaders(record.slice(lineEnd + 1, headEnd));
  return { kind: "response", id, response: { status, encoding, headers, body: record.slice(headEnd) } };
}

function split(record: string): { fields: string[]; rest: string } {
  const end = record.indexOf("\n");
  if (end < 1 || end > maxHeadLineLength) throw new SyntaxError("record without a head");
  return { fields: record.slice(1, end).split(" "), rest: record.slice(end + 1) };
}

function oneOf<T extends string>(known: readonly T[], field: string | undefined): T {
  const found = known.find((candidate) => candidate === field);
  if (found === undefined) throw new SyntaxError("unknown word");
  return found;
}
