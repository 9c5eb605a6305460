// Postgres' wire protocol as far as the way to PGlite needs it: where messages begin and end, and what greets a client.

export const startupCodes = { tls: 80_877_103, gss: 80_877_104, cancel: 80_877_102 } as const;

/** Takes bytes as they come and gives whole messages of a client, its first one apart: that one has no type. */
export class ClientMessages {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
  }

  /** The code and the body of the first message. */
  takeStartup(): { code: number; body: Buffer } | undefined {
    if (this.#rest.length < 8) return undefined;
    const length = this.#rest.readInt32BE(0);
    if (length < 8 || length > 65_536) throw new Error("no startup message of Postgres");
    if (this.#rest.length < length) return undefined;
    const body = this.#rest.subarray(8, length);
    const code = this.#rest.readInt32BE(4);
    this.#rest = this.#rest.subarray(length);
    return { code, body };
  }

  /** All messages up to one that asks for an answer: a query, a sync, a flush, or the end. */
  takeBatch(): { bytes: Buffer; last: string; texts: string } | undefined {
    let texts = "";
    for (let at = 0; at + 5 <= this.#rest.length;) {
      const type = String.fromCharCode(this.#rest[at] ?? 0);
      const end = at + 1 + this.#rest.readInt32BE(at + 1);
      if (end <= at || end > this.#rest.length) return undefined;
      if (type === "Q" || type === "P") texts += this.#rest.toString("utf8", at + 5, end);
      if (asks.has(type)) {
        const bytes = this.#rest.subarray(0, end);
        this.#rest = this.#rest.subarray(end);
        return { bytes, last: type, texts };
      }
      at = end;
    }
    return undefined;
  }
}

const asks = new Set(["Q", "S", "H", "X", "c", "f"]);

/** The state of the transaction after the last message of an answer; undefined when the server is not ready for the next query. */
export function readyState(answer: Uint8Array): "I" | "T" | "E" | undefined {
  const last = messagesOf(answer).at(-1);
  return last?.type === "Z" ? (String.fromCharCode(last.first) as "I" | "T" | "E") : undefined;
}

export function holdsError(answer: Uint8Array): boolean {
  return messagesOf(answer).some(({ type }) => type === "E");
}

/** Of each message its type and the first byte of its body. */
function messagesOf(answer: Uint8Array): { type: string; first: number }[] {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength);
  const found: { type: string; first: number }[] = [];
  for (let at = 0; at + 5 <= bytes.length; at += 1 + bytes.readInt32BE(at + 1)) {
    found.push({ type: String.fromCharCode(bytes[at] ?? 0), first: bytes[at + 5] ?? 0 });
  }
  return found;
}

export function startupParameters(body: Buffer): Map<string, string> {
  const words = body.toString("utf8").split("\0");
  const found = new Map<string, string>();
  for (let at = 0; at + 1 < words.length && words[at] !== ""; at += 2)
    found.set(words[at] ?? "", words[at + 1] ?? "");
  return found;
}

/** "You are in": authentication, parameters, a key that cancels nothing, ready. */
export function greeting(parameters: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat([
    message("R", number(0)),
    ...Object.entries(parameters).map(([name, value]) => message("S", Buffer.from(`${name}\0${value}\0`))),
    message("K", Buffer.concat([number(1), number(0)])),
    message("Z", Buffer.from("I")),
  ]);
}

export function errorMessage(code: string, text: string): Buffer {
  return message("E", Buffer.from(`SERROR\0VERROR\0C${code}\0M${text}\0\0`));
}

export function simpleQuery(text: string): Buffer {
  return message("Q", Buffer.from(`${text}\0`));
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 0, "latin1");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
