// The streams of one sandbox: which call has one open, what the guest may say of it, and what becomes of it when somebody goes.
import type { GuestMessage } from "../../wire/messages.ts";
import { encodeCoreMessage } from "../../wire/messages.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { Limits } from "../base/limits.ts";
import type { XcoreError } from "../base/error.ts";
import { badHeaders } from "./breach-reasons.ts";
import type { PendingCalls } from "./pending-calls.ts";
import { RequestFeed, type BodySource } from "./request-feed.ts";
import { ResponseStream } from "./response-stream.ts";
import type { PluginResponse } from "./sandbox.ts";

export type StreamMessage = Extract<GuestMessage, { kind: "head" | "chunk" | "end" | "credit" | "unread" }>;

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

interface OpenStream {
  stream: ResponseStream;
  origin: CallOrigin | undefined;
}

export class Exchanges {
  readonly #options: ExchangesOptions;
  readonly #streams = new Map<number, OpenStream>();
  readonly #feeds = new Map<number, RequestFeed>();
  readonly #forgotten = new Set<number>();
  #sweeper: NodeJS.Timeout | undefined;
  #endsLasting = false;
  #movedAt = 0;

  constructor(options: ExchangesOptions) {
    this.#options = options;
  }

  /** Responses under way. */
  get size(): number {
    return this.#streams.size;
  }

  /** Whether something has moved within the last moment. */
  get moving(): boolean {
    return this.#streams.size > 0 && performance.now() - this.#movedAt < restMs;
  }

  /** The streamed answer that a host call is made on behalf of: it has no deadline of its own. */
  callerOf(id: number): { deadline: number; origin: CallOrigin | undefined } | undefined {
    const open = this.#streams.get(id);
    if (open === undefined) return undefined;
    return { deadline: performance.now() + this.#options.limits.timeoutMs, origin: open.origin };
  }

  /** The request's body follows its record. */
  feed(id: number, source: BodySource): void {
    const { calls, send } = this.#options;
    const onProgress = (): void => calls.get(id)?.postpone();
    this.#feeds.set(id, new RequestFeed({ id, source, send, onProgress }));
  }

  /** What the guest must not say is given back as a sentence. */
  take(message: StreamMessage): string | undefined {
    const { id, kind } = message;
    this.#movedAt = performance.now();
    if (this.#forgotten.has(id)) return undefined;
    switch (kind) {
      case "head":
        return this.#begin(message);
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
        const feed = this.#feeds.get(id);
        if (feed === undefined) return `${kind} for a body that is not open (${id})`;
        const fits = kind === "credit" ? feed.credit(message.units) : feed.unread();
        return fits ? undefined : `${kind} for more of a body than was sent (${id})`;
      }
    }
  }

  /** Whether the error was that of a stream. */
  fail(id: number, error: XcoreError): boolean {
    const stream = this.#streams.get(id)?.stream;
    this.close(id);
    stream?.fail(error);
    return stream !== undefined;
  }

  has(id: number): boolean {
    return this.#streams.has(id);
  }

  /** The guest has answered: nothing more may come of this call. */
  close(id: number): void {
    this.#streams.delete(id);
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

  /** Ends what never ends by itself, now and from now on, so that clients connect anew. */
  endLasting(): void {
    this.#endsLasting = true;
    for (const { stream } of this.#streams.values()) if (stream.lasting) stream.finish();
  }

  failAll(reason: XcoreError): void {
    clearTimeout(this.#sweeper);
    for (const id of [...this.#feeds.keys(), ...this.#streams.keys()]) this.fail(id, reason);
  }

  #begin({ id, status, headers }: Extract<StreamMessage, { kind: "head" }>): string | undefined {
    const { calls, label } = this.#options;
    const call = calls.get(id);
    if (call === undefined) return `a head for a call that is not under way (${id})`;
    if (call.kind !== "request") return `call ${id} was answered in the wrong form`;
    if (headers.length % 2 !== 0) {
      call.reject(badHeaders(label));
      this.#drop(id);
      return undefined;
    }
    const { limits, send } = this.#options;
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
    if (this.#endsLasting && stream.lasting) stream.finish();
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
        if (this.#streams.size > 0) this.#sweepLater();
      },
      Math.min(sweepMs, streamIdleMs / 4, streamTimeMs / 4),
    );
    this.#sweeper.unref();
  }
}

function isEventStream(headers: readonly string[]): boolean {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() === "content-type")
      return /^\s*text\/event-stream\b/i.test(headers[at + 1] ?? "");
  }
  return false;
}
