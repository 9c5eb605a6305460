// The streams and sockets of one sandbox: which call has one open, what the guest may say of it, and what becomes of it when somebody goes.
import { encodeCoreMessage } from "../../wire/messages.ts";
import type { GuestStreamMessage } from "../../wire/stream-messages.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { Limits } from "../base/limits.ts";
import type { XcoreError } from "../base/error.ts";
import { badHeaders, noUpgrade } from "./breach-reasons.ts";
import type { PendingCall, PendingCalls } from "./pending-calls.ts";
import { RequestFeed, type BodySource } from "./request-feed.ts";
import { ResponseStream } from "./response-stream.ts";
import type { EndingOf, PluginResponse } from "./sandbox.ts";
import { closeCodes, SocketChannel } from "./socket-channel.ts";

export interface ExchangesOptions {
  label: string;
  limits: Limits;
  calls: PendingCalls;
  send(record: string): void;
  /** Nobody waits for this call any more: host calls on its behalf end. */
  onDropped(id: number): void;
}

/** Of so many calls that were given up it is remembered that the guest may still speak of them. */
const maxForgotten = 4096;
/** Streams are looked at this often, and more often where their limits are shorter. */
const sweepMs = 1000;

/** A sandbox whose streams have not moved for this long is at rest. */
const restMs = 250;

interface Open<Stream> {
  stream: Stream;
  origin: CallOrigin | undefined;
}

/** What a call has beside its record. */
export interface Attached {
  /** The body that is still coming in. */
  body?: BodySource | undefined;
  /** It may be answered by a socket. */
  upgrade?: boolean | undefined;
}

export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly #streams = new Map<number, Open<ResponseStream>>();
  readonly #sockets = new Map<number, Open<SocketChannel>>();
  readonly #upgrades = new Set<number>();
  readonly #feeds = new Map<number, RequestFeed>();
  readonly #forgotten = new Set<number>();
  #sweeper: NodeJS.Timeout | undefined;
  #ending: EndingOf | undefined;
  #movedAt = 0;

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** Responses under way. */
  get size(): number {
    return this.#streams.size + this.#sockets.size;
  }

  /** Whether something has moved within the last moment. */
  get moving(): boolean {
    return this.size > 0 && performance.now() - this.#movedAt < restMs;
  }

  /** The streamed answer that a host call is made on behalf of: it has no deadline of its own. */
  callerOf(id: number): { deadline: number; origin: CallOrigin | undefined } | undefined {
    const open = this.#streams.get(id) ?? this.#sockets.get(id);
    if (open === undefined) return undefined;
    return { deadline: performance.now() + this.#options.limits.timeoutMs, origin: open.origin };
  }

  /** The request's record has been sent; its body follows. */
  attach(id: number, { body, upgrade }: Attached): void {
    if (upgrade === true) this.#upgrades.add(id);
    if (body === undefined) return;
    const { calls, send } = this.#options;
    const onProgress = (): void => calls.get(id)?.postpone();
    this.#feeds.set(id, new RequestFeed({ id, source: body, send, onProgress }));
  }

  /** What the guest must not say is given back as a sentence. */
  take(message: GuestStreamMessage): string | undefined {
    const { id, kind } = message;
    this.#movedAt = performance.now();
    if (this.#forgotten.has(id)) return undefined;
    switch (kind) {
      case "head":
        return this.#begin(message);
      case "accept":
        return this.#accept(message);
      case "message":
      case "close": {
        const socket = this.#sockets.get(id)?.stream;
        if (socket === undefined) return `a ${kind} of a socket that is not open (${id})`;
        if (kind === "message") return socket.take(message);
        if (!isCloseCode(message.code)) return `a socket was closed with ${message.code}`;
        this.close(id);
        socket.leave(message.code, message.reason);
        return undefined;
      }
      case "chunk":
      case "end": {
        const stream = this.#streams.get(id)?.stream;
        if (stream === undefined)
          return `${kind === "end" ? "an" : "a"} ${kind} of a stream that is not open (${id})`;
        if (kind === "end") {
          this.close(id);
          stream.end();
          return undefined;
        }
        return stream.take(message.text, message.encoding)
          ? undefined
          : `stream ${id} is larger than its window`;
      }
      case "credit":
      case "unread": {
        const socket = this.#sockets.get(id)?.stream;
        if (socket !== undefined && kind === "credit") {
          return socket.credit(message.units) ? undefined : `credit for more than was said (${id})`;
        }
        const feed = this.#feeds.get(id);
        if (feed === undefined) return `${kind} for a body that is not open (${id})`;
        const fits = kind === "credit" ? feed.credit(message.units) : feed.unread();
        return fits ? undefined : `${kind} for more of a body than was sent (${id})`;
      }
    }
  }

  /** Whether the error was that of a stream. */
  fail(id: number, error: XcoreError): boolean {
    const stream = (this.#streams.get(id) ?? this.#sockets.get(id))?.stream;
    this.close(id);
    stream?.fail(error);
    return stream !== undefined;
  }

  has(id: number): boolean {
    return this.#streams.has(id) || this.#sockets.has(id);
  }

  /** The guest has answered: nothing more may come of this call. */
  close(id: number): void {
    this.#streams.delete(id);
    this.#sockets.delete(id);
    this.#upgrades.delete(id);
    const feed = this.#feeds.get(id);
    if (feed === undefined) return;
    this.#feeds.delete(id);
    feed.close();
  }

  /** Nobody waits for the call: what the guest still says of it is dropped. */
  forget(id: number): void {
    this.close(id);
    this.#forgotten.add(id);
    if (this.#forgotten.size <= maxForgotten) return;
    const [oldest] = this.#forgotten;
    if (oldest !== undefined) this.#forgotten.delete(oldest);
  }

  /** Ends what never ends by itself, now and from now on, so that clients connect anew. The first reason stays. */
  endLasting(why: EndingOf): void {
    this.#ending ??= why;
    for (const { stream } of this.#streams.values()) if (stream.lasting) stream.finish();
    for (const { stream } of this.#sockets.values()) this.#finish(stream, why);
  }

  failAll(reason: XcoreError): void {
    clearTimeout(this.#sweeper);
    for (const id of [...this.#feeds.keys(), ...this.#streams.keys(), ...this.#sockets.keys()])
      this.fail(id, reason);
  }

  #begin({ id, status, headers }: Extract<GuestStreamMessage, { kind: "head" }>): string | undefined {
    const call = this.#answered(id, headers);
    if (typeof call !== "object") return call;
    const { label, limits, send } = this.#options;
    const stream = new ResponseStream({
      what: `plugin '${label}': the stream of ${call.call.what()}`,
      limits,
      lasting: isEventStream(headers),
      giveCredit: (units) => {
        this.#movedAt = performance.now();
        send(encodeCoreMessage({ kind: "credit", id, units }));
      },
      onDropped: () => this.#drop(id),
    });
    this.#streams.set(id, { stream, origin: call.origin });
    this.#sweepLater();
    const response: PluginResponse = { status, headers, body: "", encoding: "latin1", stream };
    call.resolve(response);
    if (this.#ending !== undefined && stream.lasting) stream.finish();
    return undefined;
  }

  #accept({ id, headers }: Extract<GuestStreamMessage, { kind: "accept" }>): string | undefined {
    const isUpgrade = this.#upgrades.delete(id);
    const call = this.#answered(id, headers);
    if (typeof call !== "object") return call;
    const { label, limits, send } = this.#options;
    if (!isUpgrade) {
      call.reject(noUpgrade(label));
      this.#drop(id);
      return undefined;
    }
    const socket = new SocketChannel({
      id,
      what: `plugin '${label}': the socket of ${call.call.what()}`,
      limits,
      send: (record) => {
        this.#movedAt = performance.now();
        send(record);
      },
      onDropped: () => this.forget(id),
    });
    this.#sockets.set(id, { stream: socket, origin: call.origin });
    this.#sweepLater();
    const response: PluginResponse = { status: 101, headers, body: "", encoding: "latin1", socket };
    call.resolve(response);
    if (this.#ending !== undefined) this.#finish(socket, this.#ending);
    return undefined;
  }

  #finish(socket: SocketChannel, why: EndingOf): void {
    if (why === "stop") socket.finish(closeCodes.goingAway, "the server stops");
    else socket.finish(closeCodes.restart, "the plugin has been loaded anew");
  }

  /** The call that a head is for; else what is wrong about it, or undefined when that is the call's affair alone. */
  #answered(id: number, headers: readonly string[]): PendingCall | string | undefined {
    const { calls, label } = this.#options;
    const call = calls.get(id);
    if (call === undefined) return `a head for a call that is not under way (${id})`;
    if (call.kind !== "request") return `call ${id} was answered in the wrong form`;
    if (headers.length % 2 === 0) return call;
    call.reject(badHeaders(label));
    this.#drop(id);
    return undefined;
  }

  #drop(id: number): void {
    this.forget(id);
    this.#options.send(encodeCoreMessage({ kind: "abort", id }));
    this.#options.onDropped(id);
  }

  #sweepLater(): void {
    if (this.#sweeper !== undefined) return;
    const { streamIdleMs, streamTimeMs } = this.#options.limits;
    this.#sweeper = setTimeout(
      () => {
        this.#sweeper = undefined;
        const now = performance.now();
        for (const { stream } of this.#streams.values()) stream.checkTime(now);
        for (const { stream } of this.#sockets.values()) stream.checkTime(now);
        if (this.size > 0) this.#sweepLater();
      },
      Math.min(sweepMs, streamIdleMs / 4, streamTimeMs / 4),
    );
    this.#sweeper.unref();
  }
}

/** Those that may be said. https://www.rfc-editor.org/rfc/rfc6455#section-7.4 */
function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}

function isEventStream(headers: readonly string[]): boolean {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === "content-type")
      return /^\s*text\/event-stream\b/i.test(headers[at + 1] ?? "");
  }
  return false;
}
