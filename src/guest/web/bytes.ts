// Bytes, text and the wire's two encodings of a body.
import type { BodyEncoding } from "../../wire/host-calls.ts";

/** A body as the wire carries it. */
export interface WireBody {
  text: string;
  encoding: BodyEncoding;
}

const chunkLength = 8192;
const { fromCharCode } = String;
const apply: (make: typeof fromCharCode, self: undefined, codes: ArrayLike<number>) => string = Reflect.apply;

/** One code unit a byte. */
export function latin1FromBytes(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += chunkLength) {
    // Spread, it would take seven times as long.
    text += apply(fromCharCode, undefined, bytes.subarray(at, at + chunkLength));
  }
  return text;
}

export function bytesFromLatin1(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

export function bytesFromWire(body: string, encoding: BodyEncoding): Uint8Array<ArrayBuffer> {
  return encoding === "utf8" ? new TextEncoder().encode(body) : bytesFromLatin1(body);
}

export function textFromWire(body: string, encoding: BodyEncoding): string {
  return encoding === "utf8" || isAscii(body) ? body : new TextDecoder().decode(bytesFromLatin1(body));
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- exactly the characters that are one byte in UTF-8
  return /^[\0-\x7f]*$/.test(text);
}

export function concatenate(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** A copy of what a BufferSource holds now; undefined when it is none. */
export function copyOfBytes(source: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(new Uint8Array(source.buffer, source.byteOffset, source.byteLength));
  }
  return source instanceof ArrayBuffer ? new Uint8Array(source.slice(0)) : undefined;
}
