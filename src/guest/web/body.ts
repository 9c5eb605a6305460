// What Request and Response share: a body that is text, bytes or a stream, read once. https://fetch.spec.whatwg.org/#body-mixin
import { maxRecordLength } from "../../wire/protocol.ts";
import { XcoreError } from "../errors.ts";
import {
  bytesFromLatin1,
  bytesFromWire,
  concatenate,
  copyOfBytes,
  latin1FromBytes,
  textFromWire,
  type WireBody,
} from "./bytes.ts";
import { Blob, bytesOf, isBlob } from "./blob.ts";
import { isFormData, parseForm, type FormData } from "./form.ts";
import type { Headers } from "./headers.ts";
import { writeMultipart } from "./multipart.ts";

/** A body that is still coming in, Latin-1. */
export interface LateBody {
  /** The next chunk; undefined at the end. */
  read(): Promise<string | undefined>;
  /** Nobody will read the rest. */
  cancel(): void;
}

const nothing: WireBody = { text: "", encoding: "utf8" };

type Source = WireBody | LateBody | ReadableStream<Uint8Array> | null;

export abstract class Body {
  #source: Source = null;
  #stream: ReadableStream<Uint8Array> | undefined;
  #used = false;

  abstract get headers(): Headers;

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#source === null) return null;
    this.#stream ??= streamOf(this.#source);
    return this.#stream as ReadableStream<Uint8Array<ArrayBuffer>>;
  }

  get bodyUsed(): boolean {
    return this.#used;
  }

  async text(): Promise<string> {
    const { text, encoding } = await takeBody(this);
    const decoded = textFromWire(text, encoding);
    return decoded.charCodeAt(0) === 0xfeff ? decoded.slice(1) : decoded;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const { text, encoding } = await takeBody(this);
    return bytesFromWire(text, encoding);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.bytes()).buffer;
  }

  async formData(): Promise<FormData> {
    return parseForm(this.headers.get("content-type") ?? "", await takeBody(this));
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.bytes()], { type: this.headers.get("content-type") ?? "" });
  }

  #use(): Source {
    if (this.#used) throw new TypeError("the body has been read already");
    this.#used = this.#source !== null;
    return this.#source;
  }

  static readonly internals = {
    set(body: Body, source: Source): void {
      body.#source = source;
    },
    /** The body as it goes over the wire: whole, or as a stream. It counts as read. */
    open(body: Body): WireBody | ReadableStream<Uint8Array> {
      const source = body.#use();
      if (source === null) return nothing;
      return body.#stream === undefined && isWhole(source) ? source : (body.body ?? nothing);
    },
    /** The whole body; at once unless it is a stream. */
    take(body: Body): WireBody | Promise<WireBody> {
      const source = body.#use();
      if (source === null) return nothing;
      if (body.#stream === undefined) {
        if (isWhole(source)) return source;
        if (isLate(source)) return collect(source);
      }
      return readAll(body.body as ReadableStream<Uint8Array>);
    },
    clone(from: Body, to: Body): void {
      if (from.#used) throw new TypeError("the body has been read already");
      const source = from.#source;
      if (source === null || (from.#stream === undefined && isWhole(source))) {
        to.#source = source;
        return;
      }
      const [one, other] = (from.body as ReadableStream<Uint8Array>).tee();
      from.#source = one;
      from.#stream = one;
      to.#source = other;
    },
  };
}

export const { set: setBody, open: openBody, take: takeBody, clone: cloneBody } = Body.internals;
Reflect.deleteProperty(Body, "internals");

/** What an author gave as a body: its form for the wire, and the content type that goes without saying. */
export function extractBody(given: unknown): { source: Source; type: string | undefined } {
  if (given === null || given === undefined) return { source: null, type: undefined };
  if (typeof given === "string") {
    return { source: { text: given.toWellFormed(), encoding: "utf8" }, type: "text/plain;charset=UTF-8" };
  }
  const bytes = copyOfBytes(given);
  if (bytes !== undefined) {
    return { source: { text: latin1FromBytes(bytes), encoding: "latin1" }, type: undefined };
  }
  if (isBlob(given)) {
    const text = latin1FromBytes(bytesOf(given));
    return { source: { text, encoding: "latin1" }, type: given.type === "" ? undefined : given.type };
  }
  if (typeof given === "object" && isFormData(given)) {
    const { text, type } = writeMultipart(given);
    return { source: { text, encoding: "latin1" }, type };
  }
  if (isStream(given)) return { source: wholeBody(given) ?? given, type: undefined };
  const type = isUrlSearchParams(given)
    ? "application/x-www-form-urlencoded;charset=UTF-8"
    : "text/plain;charset=UTF-8";
  return { source: { text: String(given).toWellFormed(), encoding: "utf8" }, type };
}

// Asking by `instanceof` would load the polyfills; who holds such an object has loaded them.
function isStream(value: unknown): value is ReadableStream<Uint8Array> {
  return typeof value === "object" && value !== null && "getReader" in value && "pipeTo" in value;
}

function isWhole(source: NonNullable<Source>): source is WireBody {
  return "text" in source;
}

function isLate(source: NonNullable<Source>): source is LateBody {
  return "read" in source;
}

function isUrlSearchParams(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object URLSearchParams]";
}

/** Streams made from a body that was whole, and whether somebody has begun to read them. */
const made = new WeakMap<ReadableStream<Uint8Array>, { source: WireBody; begun: boolean }>();

function streamOf(source: NonNullable<Source>): ReadableStream<Uint8Array> {
  if (isWhole(source)) return streamOfWhole(source);
  return isLate(source) ? streamOfLate(source) : source;
}

function streamOfLate(late: LateBody): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const text = await late.read();
        if (text === undefined) controller.close();
        else controller.enqueue(bytesFromLatin1(text));
      },
      cancel: () => late.cancel(),
    },
    { highWaterMark: 0 },
  );
}

function streamOfWhole(source: WireBody): ReadableStream<Uint8Array> {
  const entry = { source, begun: false };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        entry.begun = true;
        controller.enqueue(bytesFromWire(source.text, source.encoding));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  made.set(stream, entry);
  return stream;
}

/** `new Response(other.body, …)` is how frameworks change a header: the body then stays whole. */
function wholeBody(stream: ReadableStream<Uint8Array>): WireBody | undefined {
  const entry = made.get(stream);
  return entry === undefined || entry.begun || stream.locked ? undefined : entry.source;
}

async function collect(late: LateBody): Promise<WireBody> {
  let text = "";
  for (let chunk = await late.read(); chunk !== undefined; chunk = await late.read()) {
    text += chunk;
    if (text.length <= maxRecordLength) continue;
    late.cancel();
    throw new XcoreError(
      "PAYLOAD_TOO_LARGE",
      `the body has more than ${maxRecordLength} bytes: too much to be read at once; read it as a stream (its 'body')`,
    );
  }
  return { text, encoding: "latin1" };
}

async function readAll(stream: ReadableStream<Uint8Array>): Promise<WireBody> {
  const chunks: Uint8Array[] = [];
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const chunk = typeof value === "string" ? new TextEncoder().encode(value) : copyOfBytes(value);
    if (chunk === undefined) throw new TypeError("the body's stream gave something that is no bytes");
    chunks.push(chunk);
  }
  return { text: latin1FromBytes(concatenate(chunks)), encoding: "latin1" };
}
