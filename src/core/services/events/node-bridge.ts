// The way to the other nodes, whatever carries it: own messages are left out, and a beat that does not come back tells that
// nobody is reached, also where the connection looks alive.
import { randomUUID } from "node:crypto";
import { messageOf } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { Health } from "../service.ts";
import type { PublishedEvent } from "./events.ts";
import type { EventBridge, RemoteOrigin } from "./hub.ts";
import { decodeMessage, encodeMessage } from "./message.ts";

/** Carries texts to every node, the own one too, in order of `say`. */
export interface Carrier extends AsyncDisposable {
  /** Resolves once it is handed over; rejects when it can't be now. */
  say(text: string): Promise<void>;
  /** Makes its connections anew: it looks alive and is not. */
  renew(): void;
}

export interface CarrierEvents {
  hear(text: string): void;
  /** It can say and hear from now on. */
  onUp(): void;
  onDown(reason: string): void;
}

export interface NodeBridgeOptions {
  /** "Redis": what carries, for people. */
  by: string;
  logger: Logger;
  open(events: CarrierEvents): Carrier;
  receive(event: PublishedEvent, origin: RemoteOrigin): void;
}

/** Events that are handed over and not yet taken, and their UTF-16 units. */
const maxUnsent = 10_000;
const maxUnsentLength = 16 * 1024 ** 2;
const beatMs = 2000;
/** A beat that is not heard after this long is lost. */
const echoMs = 1500;
const logEveryMs = 10_000;

export class NodeBridge implements EventBridge {
  readonly #options: NodeBridgeOptions;
  readonly #node = randomUUID();
  readonly #carrier: Carrier;
  readonly #echoes = new Map<string, () => void>();
  readonly #firstUp = Promise.withResolvers<void>();
  readonly #timer: NodeJS.Timeout;
  #reason = "not connected yet";
  #isUp = false;
  #wasUp = false;
  #unsent = 0;
  #unsentLength = 0;
  #lost = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: NodeBridgeOptions) {
    this.#options = options;
    this.#carrier = options.open({
      hear: (text) => this.#hear(text),
      onUp: () => void this.#watch(),
      onDown: (reason) => this.#down(reason),
    });
    this.#timer = setInterval(() => void this.#watch(), beatMs).unref();
  }

  /** Resolves as soon as others are reached, or after `waitMs`: events are no reason not to start. */
  async ready(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    await Promise.race([this.#firstUp.promise, promise]);
    clearTimeout(timer);
    if (!this.#isUp) this.#warn();
  }

  send(event: PublishedEvent, origin: RemoteOrigin): void {
    const text = encodeMessage({ kind: "event", node: this.#node, event, origin });
    if (this.#unsent >= maxUnsent || this.#unsentLength + text.length > maxUnsentLength) {
      this.#lose(`${this.#unsent} events wait to be sent`);
      return;
    }
    this.#unsent += 1;
    this.#unsentLength += text.length;
    this.#carrier
      .say(text)
      .catch((error: unknown) => this.#lose(messageOf(error)))
      .finally(() => {
        this.#unsent -= 1;
        this.#unsentLength -= text.length;
      });
  }

  async check(timeoutMs: number): Promise<Health> {
    const started = performance.now();
    const reached = await this.#beat(timeoutMs);
    const latencyMs = performance.now() - started;
    const lost = this.#lost === 0 ? "" : `, ${this.#lost} did not reach other nodes`;
    const { by } = this.#options;
    if (reached) return { ok: true, latencyMs, detail: `between nodes by ${by}${lost}` };
    return { ok: false, latencyMs, detail: `events stay on this node; ${by}: ${this.#reason}${lost}` };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#carrier[Symbol.asyncDispose]();
  }

  async #watch(): Promise<void> {
    if ((await this.#beat(echoMs)) || this.#closed || !this.#isUp) return;
    this.#down(`a beat did not come back within ${echoMs} ms`);
    this.#carrier.renew();
  }

  /** Whether a message of this node comes back to it in time. */
  async #beat(waitMs: number): Promise<boolean> {
    const beat = randomUUID();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    // One that has come while this process stood still counts: timers run before what has arrived.
    const timer = setTimeout(() => setImmediate(resolve, false), waitMs);
    this.#echoes.set(beat, () => resolve(true));
    this.#carrier.say(encodeMessage({ kind: "beat", node: this.#node, beat })).catch(() => resolve(false));
    const reached = await promise;
    clearTimeout(timer);
    this.#echoes.delete(beat);
    if (reached) this.#up();
    return reached;
  }

  #hear(text: string): void {
    const message = decodeMessage(text);
    if (message === undefined || this.#closed) return;
    if (message.kind === "beat") this.#echoes.get(message.beat)?.();
    else if (message.node !== this.#node) this.#options.receive(message.event, message.origin);
  }

  #up(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#firstUp.resolve();
    if (this.#wasUp)
      this.#options.logger.info({}, `events go to the other nodes again by ${this.#options.by}`);
    this.#wasUp = true;
  }

  #down(reason: string): void {
    this.#reason = reason;
    if (!this.#isUp || this.#closed) return;
    this.#isUp = false;
    this.#warn();
  }

  #warn(): void {
    const fields = { reason: this.#reason };
    this.#options.logger.warn(fields, `${this.#options.by} is not available: events stay on this node`);
  }

  #lose(reason: string): void {
    this.#lost += 1;
    const now = performance.now();
    if (this.#closed || now - this.#loggedAt < logEveryMs) return;
    this.#loggedAt = now;
    this.#options.logger.warn({ reason, lost: this.#lost }, "events did not reach the other nodes");
  }
}
