// Response. https://fetch.spec.whatwg.org/#response-class
import { Body, cloneBody, extractBody, setBody, type LateBody } from "./body.ts";
import type { WireBody } from "./bytes.ts";
import { Headers } from "./headers.ts";
import { otherEnd, type WebSocket } from "./socket.ts";

interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: ConstructorParameters<typeof Headers>[0];
  /** One end of a WebSocketPair; then the status is 101. */
  webSocket?: WebSocket | null;
}

/** A response that came over the wire. */
interface Received extends WireBody {
  url: string;
  redirected: boolean;
  status: number;
  statusText: string;
  headers: Headers;
  /** The body, when it is still coming in; then the text is empty. */
  late?: LateBody | undefined;
}

const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const reasonPattern = /^[\t\x20-\x7e\x80-\xff]*$/;
const bodyless: ReadonlySet<number> = new Set([101, 204, 205, 304]);

export class Response extends Body {
  #status: number;
  #statusText: string;
  readonly #headers: Headers;
  readonly #socket: WebSocket | null;
  #type: "default" | "basic" | "error" = "default";
  #url = "";
  #redirected = false;

  constructor(given: unknown = null, init: ResponseInit = {}) {
    super();
    const status = Number(init.status ?? 200);
    const socket = init.webSocket ?? null;
    if (socket !== null && (status !== 101 || otherEnd(socket) === undefined)) {
      throw new TypeError(
        "Response: webSocket is one end of a WebSocketPair, its first, and the status is 101",
      );
    }
    if (!Number.isInteger(status) || ((status < 200 || status > 599) && socket === null)) {
      throw new RangeError(`Response: the status is a number from 200 to 599, not ${String(init.status)}`);
    }
    this.#status = status;
    this.#socket = socket;
    this.#statusText = String(init.statusText ?? "");
    if (!reasonPattern.test(this.#statusText)) {
      throw new TypeError("Response: statusText is one line of characters up to U+00FF");
    }
    this.#headers = new Headers(init.headers);
    const { source, type } = extractBody(given);
    if (source === null) return;
    if (bodyless.has(status)) throw new TypeError(`Response: an answer with status ${status} has no body`);
    setBody(this, source);
    if (type !== undefined && !this.#headers.has("content-type")) this.#headers.set("content-type", type);
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(value);
    if (text === undefined) throw new TypeError("Response.json: the value is nothing JSON can say");
    const headers = new Headers(init.headers);
    if (!headers.has("content-type")) headers.set("content-type", "application/json");
    return new Response(text, { ...init, headers });
  }

  static redirect(url: URL | string, status = 302): Response {
    if (!redirects.has(status)) throw new RangeError(`Response.redirect: ${status} is no redirect`);
    // A path is left as it is: inside, nobody knows the address the outside uses.
    return new Response(null, { status, headers: { location: String(url) } });
  }

  static error(): Response {
    const response = new Response();
    response.#status = 0;
    response.#type = "error";
    return response;
  }

  /** Deleted from the class once this file has it. */
  static readonly received = (from: Received): Response => {
    const response = new Response();
    response.#status = from.status;
    response.#statusText = from.statusText;
    response.#type = "basic";
    response.#url = from.url;
    response.#redirected = from.redirected;
    for (const [name, value] of from.headers) response.#headers.append(name, value);
    if (!bodyless.has(from.status)) {
      setBody(response, from.late ?? { text: from.text, encoding: from.encoding });
    }
    return response;
  };

  /** Whether it is one, however its prototype was changed. */
  static isResponse(value: object): value is Response {
    return #status in value;
  }

  get status(): number {
    return this.#status;
  }

  get webSocket(): WebSocket | null {
    return this.#socket;
  }

  get statusText(): string {
    return this.#statusText;
  }

  get ok(): boolean {
    return this.#status >= 200 && this.#status < 300;
  }

  get headers(): Headers {
    return this.#headers;
  }

  get type(): "default" | "basic" | "error" {
    return this.#type;
  }

  get url(): string {
    return this.#url;
  }

  get redirected(): boolean {
    return this.#redirected;
  }

  clone(): Response {
    const copy = new Response(null, { headers: this.#headers });
    copy.#status = this.#status;
    copy.#statusText = this.#statusText;
    copy.#type = this.#type;
    copy.#url = this.#url;
    copy.#redirected = this.#redirected;
    cloneBody(this, copy);
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return "Response";
  }
}

export const receivedResponse = Response.received;
export const isResponse = Response.isResponse;
Reflect.deleteProperty(Response, "received");
Reflect.deleteProperty(Response, "isResponse");
