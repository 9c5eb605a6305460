// What Request and Response share: a body that is text, bytes or a stream, read once. https://fetch.spec.whatwg.org/#body-mixin
import type { BodyEncoding } from "../../wire/host-calls.ts";
import { bytesFromWire, concatenate, copyOfBytes, latin1FromBytes, textFromWire } from "./bytes.ts";
import { parseForm } from "./form.ts";
import type { Headers } from "./headers.ts";

/** A body as the wire carries it. */
export interface WireBody {
  text: string;
  encoding: BodyEncoding;
}

type Source = WireBody | ReadableStream<Uint8Array> | null;

export abstract class Body {
  #source: Source = null;
  #stream: ReadableStream<Uint8Array> | undefined;
  #used = false;

  abstract get headers(): Headers;

  get body(): ReadableStream<Uint8Array<ArrayBuffer>> | null {
    if (this.#source === null) return null;
    this.#stream ??= isStream(this.#source) ? this.#source : streamOf(this.#source);
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
    return parseForm(this.headers.get("content-type") ?? "", await this.text());
  }

  static readonly internals = {
    set(body: Body, source: Source): void {
      body.#source = source;
    },
    /** The body as it would go over the wire; at once unless it is a stream. */
    take(body: Body): WireBody | Promise<WireBody> {
      if (body.#used) throw new TypeError("the body has been read already");
      const source = body.#source;
      if (source === null) return { text: "", encoding: "utf8" };
      body.#used = true;
      if (body.#stream === undefined && !isStream(source)) return source;
      return readAll(body.body as ReadableStream<Uint8Array>);
    },
    clone(from: Body, to: Body): void {
      if (from.#used) throw new TypeError("the body has been read already");
      const source = from.#source;
      if (source === null || (from.#stream === undefined && !isStream(source))) {
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

export const { set: setBody, take: takeBody, clone: cloneBody } = Body.internals;
Reflect.deleteProperty(Body, "internals");

/** What an author gave as a body: its form for the wire, and the content type that goes without saying. */
export function extractBody(given: unknown): { source: Source; type: string | undefined } {
  if (given === null || given === undefined) return { source: null, type: undefined };
  if (typeof given === "string") {
    return { source: { text: given, encoding: "utf8" }, type: "text/plain;charset=UTF-8" };
  }
  const bytes = copyOfBytes(given);
  if (bytes !== undefined) {
    return { source: { text: latin1FromBytes(bytes), encoding: "latin1" }, type: undefined };
  }
  if (isStream(given)) return { source: wholeBody(given) ?? given, type: undefined };
  const type = isUrlSearchParams(given)
    ? "application/x-www-form-urlencoded;charset=UTF-8"
    : "text/plain;charset=UTF-8";
  return { source: { text: String(given), encoding: "utf8" }, type };
}

// Asking by `instanceof` would load the polyfills; who holds such an object has loaded them.
function isStream(value: unknown): value is ReadableStream<Uint8Array> {
  return typeof value === "object" && value !== null && "getReader" in value && "pipeTo" in value;
}

function isUrlSearchParams(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object URLSearchParams]";
}

/** Streams made from a body that was whole, and whether somebody has begun to read them. */
const made = new WeakMap<ReadableStream<Uint8Array>, { source: WireBody; begun: boolean }>();

function streamOf(source: WireBody): ReadableStream<Uint8Array> {
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
