// WebSockets as the server's side has them: a pair, of which one end goes with the Response and the other one is talked to.
// https://developers.cloudflare.com/workers/runtime-apis/websockets/ and https://websockets.spec.whatwg.org/#the-websocket-interface
import type { BodyEncoding } from "../../wire/host-calls.ts";
import { Blob, bytesOf, isBlob } from "./blob.ts";
import { bytesFromLatin1, bytesFromWire, copyOfBytes, latin1FromBytes } from "./bytes.ts";
import { DOMException } from "./dom-exception.ts";
import { Event, EventTarget } from "./event-target.ts";

/** Where a socket's messages go once its request has been answered with it. */
export interface SocketLine {
  /** Characters that wait to be sent. */
  readonly waiting: number;
  send(text: string, encoding: BodyEncoding): void;
  close(code: number, reason: string): void;
  /** From now on the socket hears. */
  open(): void;
}

type Handler<Kind extends Event> = ((this: WebSocket, event: Kind) => void) | null;

export class MessageEvent extends Event {
  readonly data: unknown;

  constructor(type: string, init: { data?: unknown } = {}) {
    super(type);
    this.data = init.data ?? null;
  }
}

export class CloseEvent extends Event {
  readonly code: number;
  readonly reason: string;
  readonly wasClean: boolean;

  constructor(type: string, init: { code?: number; reason?: string; wasClean?: boolean } = {}) {
    super(type);
    this.code = init.code ?? 0;
    this.reason = init.reason ?? "";
    this.wasClean = init.wasClean ?? false;
  }
}

const token = Symbol("socket");
const connecting = 0;
const open = 1;
const closing = 2;
const closed = 3;
/** In bytes of UTF-8. https://www.rfc-editor.org/rfc/rfc6455#section-5.5.1 */
const maxReasonLength = 123;

export class WebSocket extends EventTarget {
  static readonly CONNECTING = connecting;
  static readonly OPEN = open;
  static readonly CLOSING = closing;
  static readonly CLOSED = closed;
  readonly CONNECTING = connecting;
  readonly OPEN = open;
  readonly CLOSING = closing;
  readonly CLOSED = closed;
  readonly url = null;
  readonly extensions = "";
  readonly protocol = "";
  binaryType: "arraybuffer" | "blob" = "arraybuffer";
  onopen: Handler<Event> = null;
  onmessage: Handler<MessageEvent> = null;
  onerror: Handler<Event> = null;
  onclose: Handler<CloseEvent> = null;
  #state = connecting;
  #other: WebSocket | undefined;
  #line: SocketLine | undefined;
  #early: ((line: SocketLine) => void)[] = [];

  constructor(caller?: typeof token) {
    if (caller !== token) throw new TypeError("Illegal constructor: use new WebSocketPair()");
    super();
    this.addEventListener("message", (event) => this.onmessage?.(event as MessageEvent));
    this.addEventListener("error", (event) => this.onerror?.(event));
    this.addEventListener("close", (event) => this.onclose?.(event as CloseEvent));
  }

  get readyState(): number {
    return this.#state;
  }

  get bufferedAmount(): number {
    return this.#line?.waiting ?? 0;
  }

  /** Begins to hear. Messages that come before wait. */
  accept(): void {
    if (this.#state !== connecting) return;
    this.#state = open;
    this.#tell((line) => line.open());
  }

  send(data: string | ArrayBuffer | ArrayBufferView | Blob): void {
    if (this.#state === connecting) {
      throw new DOMException("WebSocket: accept() it before sending", "InvalidStateError");
    }
    if (this.#state !== open) return;
    const bytes = isBlob(data) ? bytesOf(data) : copyOfBytes(data);
    if (bytes === undefined) {
      const text = String(data).toWellFormed();
      this.#tell((line) => line.send(text, "utf8"));
    } else {
      const text = latin1FromBytes(bytes);
      this.#tell((line) => line.send(text, "latin1"));
    }
  }

  close(code = 1000, reason = ""): void {
    const text = String(reason).toWellFormed();
    if (!mayBeSent(code)) {
      throw new DOMException(`WebSocket: ${code} is no code to close with`, "InvalidAccessError");
    }
    if (bytesFromWire(text, "utf8").length > maxReasonLength) {
      throw new DOMException(`WebSocket: the reason has more than ${maxReasonLength} bytes`, "SyntaxError");
    }
    if (this.#state >= closing) return;
    this.#state = closing;
    this.#tell((line) => line.close(code, text));
  }

  #tell(say: (line: SocketLine) => void): void {
    if (this.#line === undefined) this.#early.push(say);
    else say(this.#line);
  }

  /** For the runtime, which alone is given these. */
  static readonly [token] = {
    pair(): [WebSocket, WebSocket] {
      const client = new WebSocket(token);
      const server = new WebSocket(token);
      client.#other = server;
      return [client, server];
    },
    /** The end that is talked to, of the end that goes with a response; undefined when that is none, or gone already. */
    otherEnd(value: unknown): WebSocket | undefined {
      return typeof value === "object" && value !== null && #other in value ? value.#other : undefined;
    },
    attach(socket: WebSocket, line: SocketLine): void {
      if (socket.#line !== undefined) throw new TypeError("WebSocket: it has been answered with already");
      socket.#line = line;
      const early = socket.#early;
      socket.#early = [];
      for (const say of early) say(line);
    },
    hear(socket: WebSocket, text: string, encoding: BodyEncoding): void {
      if (socket.#state !== open) return;
      const buffer = encoding === "utf8" ? undefined : bytesFromLatin1(text).buffer;
      const data = buffer === undefined ? text : socket.binaryType === "blob" ? new Blob([buffer]) : buffer;
      socket.dispatchEvent(new MessageEvent("message", { data }));
    },
    closed(socket: WebSocket, code: number, reason: string): void {
      if (socket.#state === closed) return;
      socket.#state = closed;
      const wasClean = code !== 1006;
      if (!wasClean) socket.dispatchEvent(new Event("error"));
      socket.dispatchEvent(new CloseEvent("close", { code, reason, wasClean }));
    },
  };
}

export const { pair, otherEnd, attach, hear, closed: closedSocket } = WebSocket[token];
Reflect.deleteProperty(WebSocket, token);

/** `const [client, server] = Object.values(new WebSocketPair())` */
export class WebSocketPair {
  readonly 0: WebSocket;
  readonly 1: WebSocket;

  constructor() {
    const [client, server] = pair();
    this[0] = client;
    this[1] = server;
  }
}

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4 */
function mayBeSent(code: number): boolean {
  return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}
