// What one statement sends, in one piece: messages of Postgres' extended protocol, values and results as texts.
// https://www.postgresql.org/docs/current/protocol-message-formats.html

export interface StatementMessage {
  /** Of the prepared statement; empty: of the one that lasts until the next. */
  readonly name: string;
  /** To be parsed under this name first; absent: the server has it. */
  readonly text?: string | undefined;
  /** Prepared statements that are needed no more. */
  readonly close: readonly string[];
  readonly values: readonly (string | null)[];
  /** Whether the server shall tell the columns. */
  readonly describe: boolean;
  readonly maxRows: number;
  /** `sync` also ends the transaction the server runs it in; `flush` only has the answer sent. */
  readonly end: "sync" | "flush";
}

const code = (letter: string): number => letter.charCodeAt(0);
const codes = {
  parse: code("P"),
  bind: code("B"),
  describe: code("D"),
  execute: code("E"),
  close: code("C"),
  sync: code("S"),
  flush: code("H"),
  portal: code("P"),
  statement: code("S"),
};

export function encodeStatement(message: StatementMessage): Buffer {
  const { name, text, close, values, maxRows } = message;
  const lengths = values.map((value) => (value === null ? -1 : Buffer.byteLength(value)));
  const bindLength = 4 + 1 + name.length + 1 + 2 + 2 + 2 + sumOf(lengths);
  const textLength = text === undefined ? 0 : Buffer.byteLength(text);
  const parseLength = 4 + name.length + 1 + textLength + 1 + 2;
  const closing = close.reduce((sum, each) => sum + 1 + closeLength(each), 0);
  const buffer = Buffer.allocUnsafe(
    closing + (text === undefined ? 0 : 1 + parseLength) + 1 + bindLength + tailLength,
  );
  let at = 0;
  for (const each of close) at = writeClose(buffer, at, each);
  if (text !== undefined) {
    at = head(buffer, at, codes.parse, parseLength);
    at = cString(buffer, at, name, name.length);
    at = cString(buffer, at, text, textLength);
    // No types of parameters: the server finds them out.
    at = buffer.writeInt16BE(0, at);
  }
  at = head(buffer, at, codes.bind, bindLength);
  at = buffer.writeUInt8(0, at);
  at = cString(buffer, at, name, name.length);
  at = buffer.writeInt16BE(0, at);
  at = buffer.writeUInt16BE(values.length, at);
  for (let index = 0; index < values.length; index += 1) {
    at = buffer.writeInt32BE(lengths[index] ?? -1, at);
    const value = values[index];
    if (typeof value === "string") at += buffer.write(value, at, "utf8");
  }
  at = buffer.writeInt16BE(0, at);
  return buffer.subarray(0, writeTail(buffer, at, message.describe, maxRows, message.end));
}

const describeLength = 7;
const tailLength = describeLength + 10 + 5;

/** Describe, Execute, and what ends it; all of the portal without a name. */
function writeTail(
  buffer: Buffer,
  start: number,
  describe: boolean,
  maxRows: number,
  end: "sync" | "flush",
): number {
  let at = start;
  if (describe) {
    at = head(buffer, at, codes.describe, 6);
    at = buffer.writeUInt8(codes.portal, at);
    at = buffer.writeUInt8(0, at);
  }
  at = head(buffer, at, codes.execute, 9);
  at = buffer.writeUInt8(0, at);
  at = buffer.writeInt32BE(maxRows, at);
  return head(buffer, at, codes[end], 4);
}

/** Names are letters and digits: as many bytes as characters. */
function closeLength(name: string): number {
  return 4 + 1 + name.length + 1;
}

function writeClose(buffer: Buffer, start: number, name: string): number {
  const at = buffer.writeUInt8(codes.statement, head(buffer, start, codes.close, closeLength(name)));
  return cString(buffer, at, name, name.length);
}

function head(buffer: Buffer, at: number, kind: number, length: number): number {
  return buffer.writeInt32BE(length, buffer.writeUInt8(kind, at));
}

function cString(buffer: Buffer, at: number, text: string, length: number): number {
  buffer.write(text, at, "utf8");
  return buffer.writeUInt8(0, at + length);
}

function sumOf(lengths: readonly number[]): number {
  let sum = 0;
  for (const length of lengths) sum += 4 + Math.max(0, length);
  return sum;
}
