// Blob and File: bytes that are held whole, with a type. https://w3c.github.io/FileAPI/
import { bytesFromWire, concatenate, copyOfBytes, latin1FromBytes, textFromWire } from "./bytes.ts";

interface BlobOptions {
  type?: string;
  endings?: "transparent" | "native";
}

export class Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #type: string;

  constructor(parts: Iterable<unknown> = [], options: BlobOptions = {}) {
    if (typeof parts !== "object" || parts === null || !(Symbol.iterator in parts)) {
      throw new TypeError("Blob: expected a list of parts");
    }
    this.#bytes = joined(parts);
    const type = String(options.type ?? "");
    this.#type = /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "";
  }

  /** Whether it is one, however its prototype was changed. */
  static isBlob(value: unknown): value is Blob {
    return typeof value === "object" && value !== null && #bytes in value;
  }

  /** Its own bytes: not to be written to. */
  static bytesOf(blob: Blob): Uint8Array<ArrayBuffer> {
    return blob.#bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  get type(): string {
    return this.#type;
  }

  slice(start = 0, end: number = this.size, type = ""): Blob {
    const part = this.#bytes.subarray(within(start, this.size), within(end, this.size));
    return new Blob([part], { type });
  }

  async text(): Promise<string> {
    return textFromWire(latin1FromBytes(this.#bytes), "latin1");
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(this.#bytes);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const bytes = this.#bytes;
    let at = 0;
    return new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull(controller) {
          if (at < bytes.length) controller.enqueue(new Uint8Array(bytes.subarray(at, at + pieceLength)));
          at += pieceLength;
          if (at >= bytes.length) controller.close();
        },
      },
      { highWaterMark: 0 },
    );
  }

  get [Symbol.toStringTag](): string {
    return "Blob";
  }
}

export class File extends Blob {
  readonly #name: string;
  readonly #lastModified: number;

  constructor(parts: Iterable<unknown>, name: string, options: BlobOptions & { lastModified?: number } = {}) {
    super(parts, options);
    this.#name = String(name);
    this.#lastModified = options.lastModified ?? Date.now();
  }

  get name(): string {
    return this.#name;
  }

  get lastModified(): number {
    return this.#lastModified;
  }

  get webkitRelativePath(): string {
    return "";
  }

  override get [Symbol.toStringTag](): string {
    return "File";
  }
}

export const { isBlob, bytesOf } = Blob;
Reflect.deleteProperty(Blob, "isBlob");
Reflect.deleteProperty(Blob, "bytesOf");

/** The blob as a file: itself if it is one of that name, else a copy under that name. */
export function asFile(blob: Blob, name: string | undefined): File {
  if (blob instanceof File && (name === undefined || name === blob.name)) return blob;
  const lastModified = blob instanceof File ? { lastModified: blob.lastModified } : {};
  return new File([blob], name ?? "blob", { type: blob.type, ...lastModified });
}

const pieceLength = 64 * 1024;

function joined(parts: Iterable<unknown>): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  for (const part of parts) {
    const bytes = isBlob(part) ? bytesOf(part) : copyOfBytes(part);
    pieces.push(bytes ?? bytesFromWire(String(part), "utf8"));
  }
  return concatenate(pieces);
}

/** A position as `slice` takes it: from the end when negative. */
function within(at: number, size: number): number {
  const whole = Math.trunc(at) || 0;
  return whole < 0 ? Math.max(0, size + whole) : Math.min(size, whole);
}
