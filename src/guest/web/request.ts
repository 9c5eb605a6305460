// Request. https://fetch.spec.whatwg.org/#request-class
import type { LazyRequest } from "../../wire/messages.ts";
import { AbortController, type AbortSignal } from "./abort.ts";
import { Body, cloneBody, extractBody, setBody, type LateBody } from "./body.ts";
import { Headers } from "./headers.ts";

/** Where a request from the wire gets its signal, should anybody ask. */
interface SignalSource {
  readonly signal: AbortSignal;
}

interface RequestInit {
  method?: string;
  headers?: ConstructorParameters<typeof Headers>[0];
  body?: unknown;
  redirect?: "follow" | "error" | "manual";
  signal?: AbortSignal | null;
  /** For a body that is a stream; the only way there is. */
  duplex?: "half";
}

const methodPattern = /^[!#$%&'*+\-.^_`|~\w]+$/;
const wellKnown = /^(?:delete|get|head|options|post|put)$/i;
const forbidden = /^(?:connect|trace|track)$/i;
const redirectModes: ReadonlySet<string> = new Set(["follow", "error", "manual"]);
const fromWire = Symbol("from the wire");

export class Request extends Body {
  #method = "GET";
  #url = "";
  #head = "";
  #headers: Headers | undefined;
  #signals: SignalSource | undefined;
  #redirect: "follow" | "error" | "manual" = "follow";

  constructor(input: Request | URL | string, init: RequestInit = {}) {
    super();
    if ((input as unknown) === fromWire) return;
    const other = typeof input === "object" && #url in input ? input : undefined;
    const body = extractBody(init.body);
    this.#url = other === undefined ? absolute(String(input)) : other.#url;
    this.#method = init.method === undefined ? (other?.method ?? "GET") : normalMethod(init.method);
    this.#redirect = init.redirect ?? other?.redirect ?? "follow";
    if (!redirectModes.has(this.#redirect)) {
      throw new TypeError(`Request: redirect is follow, error or manual, not '${String(this.#redirect)}'`);
    }
    this.#headers = new Headers(init.headers ?? other?.headers);
    const signal = init.signal === undefined ? other?.signal : (init.signal ?? undefined);
    if (signal !== undefined) this.#signals = { signal };
    const isBodyless = this.#method === "GET" || this.#method === "HEAD";
    if (body.source === null) {
      if (other !== undefined && !isBodyless) cloneBody(other, this);
      return;
    }
    if (isBodyless) throw new TypeError(`Request: ${this.#method} has no body`);
    setBody(this, body.source);
    if (body.type !== undefined && !this.#headers.has("content-type")) {
      this.#headers.set("content-type", body.type);
    }
  }

  /** The request a record holds: nothing of it is parsed before it is touched. */
  static readonly [fromWire] = (
    message: LazyRequest,
    signals: SignalSource,
    late: LateBody | undefined,
  ): Request => {
    const request = new Request(fromWire as unknown as string);
    request.#method = message.method;
    request.#url = message.url;
    request.#head = message.head;
    request.#signals = signals;
    const { body, encoding } = message;
    if (late !== undefined) setBody(request, late);
    else if (body !== "" && encoding !== "stream") setBody(request, { text: body, encoding });
    return request;
  };

  get method(): string {
    return this.#method;
  }

  get url(): string {
    return this.#url;
  }

  get headers(): Headers {
    return (this.#headers ??= Headers.fromWire(this.#head));
  }

  get signal(): AbortSignal {
    this.#signals ??= { signal: new AbortController().signal };
    return this.#signals.signal;
  }

  get redirect(): "follow" | "error" | "manual" {
    return this.#redirect;
  }

  clone(): Request {
    const copy = new Request(fromWire as unknown as string);
    copy.#method = this.#method;
    copy.#url = this.#url;
    copy.#redirect = this.#redirect;
    copy.#headers = new Headers(this.headers);
    copy.#signals = this.#signals;
    cloneBody(this, copy);
    return copy;
  }

  get [Symbol.toStringTag](): string {
    return "Request";
  }
}

export const requestFromWire = Request[fromWire];

function absolute(text: string): string {
  const url = new URL(text);
  if (url.username === "" && url.password === "") return url.href;
  throw new TypeError("Request: a URL with a name and a password is refused; send an authorization header");
}

function normalMethod(method: string): string {
  const text = String(method);
  if (!methodPattern.test(text)) throw new TypeError(`Request: '${text}' is not a method`);
  if (forbidden.test(text)) throw new TypeError(`Request: the method ${text} is forbidden`);
  return wellKnown.test(text) ? text.toUpperCase() : text;
}
