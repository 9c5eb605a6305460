// The records of streams and sockets: what of a body or a conversation follows its request or its response, under the same id.
import type { BodyEncoding } from "./host-calls.ts";
import { maxChunkLength, maxHeadLength } from "./protocol.ts";
import { readCount } from "./records.ts";

/** The kinds that go both ways. */
export type TwoWayMessage =
  /** What comes next of a body: of the response from the guest, of the request from the core. Never empty. */
  | { kind: "chunk"; id: number; encoding: BodyEncoding; text: string }
  /** The body is complete; an `error` or an `abort` in its place cuts it off. */
  | { kind: "end"; id: number }
  /** So much more of the other direction's window may be used. */
  | { kind: "credit"; id: number; units: number }
  /** A piece of one message on a socket. `latin1`: a binary one. `last`: the message is complete. */
  | { kind: "message"; id: number; encoding: BodyEncoding; last: boolean; text: string }
  /** The socket is closed; nothing more is said of it by whoever says this. */
  | { kind: "close"; id: number; code: number; reason: string };

/** Guest to core. */
export type GuestStreamMessage =
  | TwoWayMessage
  /** The head of a response whose body follows in chunks. */
  | { kind: "head"; id: number; status: number; headers: readonly string[] }
  /** The rest of the request's body will not be read. */
  | { kind: "unread"; id: number }
  /** The request becomes a socket. */
  | { kind: "accept"; id: number; headers: readonly string[] };

/** https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1 */
const maxReasonLength = 123;

export function encodeStreamMessage(message: GuestStreamMessage): string {
  switch (message.kind) {
    case "chunk":
      return `D${message.id} ${message.encoding}\n${message.text}`;
    case "end":
      return `Z${message.id}\n`;
    case "credit":
      return `G${message.id} ${message.units}\n`;
    case "message":
      return `M${message.id} ${message.encoding} ${message.last ? 1 : 0}\n${message.text}`;
    case "close":
      return `W${message.id} ${message.code}\n${message.reason}`;
    case "head": {
      const head = message.headers.join("\n");
      return `S${message.id} ${message.status} ${head.length}\n${head}`;
    }
    case "unread":
      return `K${message.id}\n`;
    case "accept": {
      const head = message.headers.join("\n");
      return `U${message.id} ${head.length}\n${head}`;
    }
  }
}

/** Undefined when the record is of another kind. Throws a `SyntaxError` on a malformed one: a guest may have written it. */
export function decodeStreamMessage(
  kind: string | undefined,
  fields: readonly string[],
  rest: string,
): GuestStreamMessage | undefined {
  switch (kind) {
    case "D":
      if (rest === "" || rest.length > maxChunkLength) throw new SyntaxError("a chunk of a wrong size");
      return { kind: "chunk", id: count(fields[0]), encoding: bodyEncoding(fields[1]), text: rest };
    case "Z":
      return { kind: "end", id: count(fields[0]) };
    case "G":
      return { kind: "credit", id: count(fields[0]), units: count(fields[1]) };
    case "M":
      return decodeMessage(fields, rest);
    case "W":
      if (rest.length > maxReasonLength) throw new SyntaxError("a reason that is too long");
      return { kind: "close", id: count(fields[0]), code: count(fields[1]), reason: rest };
    case "S": {
      const status = count(fields[1]);
      if (status < 200 || status > 599) throw new SyntaxError("malformed response");
      return { kind: "head", id: count(fields[0]), status, headers: heads(fields[2], rest) };
    }
    case "K":
      return { kind: "unread", id: count(fields[0]) };
    case "U":
      return { kind: "accept", id: count(fields[0]), headers: heads(fields[1], rest) };
    default:
      return undefined;
  }
}

function decodeMessage(fields: readonly string[], text: string): GuestStreamMessage {
  const last = count(fields[2]);
  if (last > 1 || text.length > maxChunkLength || (last === 0 && text === "")) {
    throw new SyntaxError("malformed message");
  }
  return {
    kind: "message",
    id: count(fields[0]),
    encoding: bodyEncoding(fields[1]),
    last: last === 1,
    text,
  };
}

function heads(length: string | undefined, rest: string): string[] {
  if (count(length) !== rest.length) throw new SyntaxError("malformed response");
  if (rest.length > maxHeadLength) throw new SyntaxError("a response whose head is too large");
  return splitHeaders(rest);
}

/** "name\nvalue\nname\nvalue" as a flat list. */
export function splitHeaders(head: string): string[] {
  return head === "" ? [] : head.split("\n");
}

export function count(field: string | undefined): number {
  return readCount(field ?? "", 0, field?.length ?? 0);
}

export function bodyEncoding(field: string | undefined): BodyEncoding {
  if (field === "utf8" || field === "latin1") return field;
  throw new SyntaxError("unknown encoding");
}
