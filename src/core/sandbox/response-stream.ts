// The body of one response on its way from a guest to a client: counted against the window, handed on as fast as the client reads.
import type { BodyEncoding } from "../../wire/host-calls.ts";
import type { Limits } from "../base/limits.ts";
import type { XcoreError } from "../base/error.ts";
import { ReceiveWindow } from "./receive-window.ts";
import { clientStalled, streamIdle, streamTooLarge, streamTooLong } from "./stream-reasons.ts";

/** Where a streamed body goes. */
export interface StreamSink {
  /** `consumed` is called once its bytes have left: until then they count against the window. */
  chunk(text: string, encoding: BodyEncoding, consumed: () => void): void;
  /** The body is complete. */
  end(): void;
  /** It is cut off: nobody must take what came for the whole. */
  fail(error: XcoreError): void;
}

export interface ResponseStreamOptions {
  /** "plugin 'notes@1.0.0': the stream of GET /events" */
  what: string;
  limits: Limits;
  /** It never ends by itself: an event stream. */
  lasting: boolean;
  giveCredit(units: number): void;
  /** Nobody waits for the rest: the guest is to be told. */
  onDropped(): void;
}

type Item = { text: string; encoding: BodyEncoding };

export class ResponseStream {
  readonly lasting: boolean;
  readonly #options: ResponseStreamOptions;
  readonly #over = Promise.withResolvers<void>();
  readonly #window = new ReceiveWindow();
  readonly #startedAt = performance.now();
  #movedAt = this.#startedAt;
  #waiting: Item[] = [];
  #sink: StreamSink | undefined;
  #ending: ((sink: StreamSink) => void) | undefined;
  #isOver = false;
  #bytes = 0;

  constructor(options: ResponseStreamOptions) {
    this.#options = options;
    this.lasting = options.lasting;
  }

  /** Resolves when it is over, in whatever way. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** Hands over what has come and what comes. To be called once. */
  pipe(sink: StreamSink): void {
    this.#sink = sink;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const item of waiting) this.#hand(sink, item);
    this.#ending?.(sink);
  }

  /** The client has gone. */
  cancel(): void {
    if (!this.#isOver) this.#drop(() => undefined);
  }

  /** Ends it whole, though the guest has not: what has come goes out. */
  finish(): void {
    if (!this.#isOver) this.#drop((sink) => sink.end());
  }

  /** False when the guest says more than its window holds. */
  take(text: string, encoding: BodyEncoding): boolean {
    if (!this.#window.receive(text.length)) return false;
    const { limits, what } = this.#options;
    this.#movedAt = performance.now();
    this.#bytes += encoding === "latin1" ? text.length : Buffer.byteLength(text);
    if (this.#bytes > limits.streamBytes) this.#cut(streamTooLarge(what, limits.streamBytes));
    else if (this.#sink === undefined) this.#waiting.push({ text, encoding });
    else this.#hand(this.#sink, { text, encoding });
    return true;
  }

  /** The guest has ended it. */
  end(): void {
    this.#close((sink) => sink.end());
  }

  /** The guest, or what became of it, has cut it off. */
  fail(error: XcoreError): void {
    this.#close((sink) => sink.fail(error));
  }

  /** Cuts it off when it has stood still for too long or lasted too long. */
  checkTime(now: number): void {
    if (this.#isOver) return;
    const { limits, what } = this.#options;
    const lasted = now - this.#startedAt;
    const stood = now - this.#movedAt;
    if (lasted > limits.streamTimeMs) this.#cut(streamTooLong(what, limits.streamTimeMs));
    else if (stood <= limits.streamIdleMs) return;
    else if (!this.#window.isEmpty) this.#cut(clientStalled(what, limits.streamIdleMs));
    else this.#cut(streamIdle(what, limits.streamIdleMs));
  }

  #hand(sink: StreamSink, { text, encoding }: Item): void {
    sink.chunk(text, encoding, () => this.#consumed(text.length));
  }

  #consumed(length: number): void {
    this.#movedAt = performance.now();
    const units = this.#window.taken(length);
    if (units > 0 && !this.#isOver) this.#options.giveCredit(units);
  }

  #cut(error: XcoreError): void {
    this.#drop((sink) => sink.fail(error));
  }

  #drop(ending: (sink: StreamSink) => void): void {
    this.#close(ending);
    this.#options.onDropped();
  }

  #close(ending: (sink: StreamSink) => void): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#sink === undefined) this.#ending = ending;
    else ending(this.#sink);
    this.#over.resolve();
  }
}
