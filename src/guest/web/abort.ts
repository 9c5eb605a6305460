// AbortController and AbortSignal. https://dom.spec.whatwg.org/#aborting-ongoing-activities
import { DOMException } from "./dom-exception.ts";
import { Event, EventTarget } from "./event-target.ts";

const token = Symbol("abort");
type Handler = ((this: AbortSignal, event: Event) => void) | null;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #handler: Handler = null;
  readonly #listener = (event: Event): void => this.#handler?.call(this, event);
  #followers: AbortSignal[] = [];

  constructor(caller?: typeof token) {
    if (caller !== token)
      throw new TypeError("Illegal constructor: use AbortController, AbortSignal.timeout or .any");
    super();
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = new AbortSignal(token);
    signal.#abort(reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    const signal = new AbortSignal(token);
    setTimeout(() => signal.#abort(new DOMException("The operation timed out", "TimeoutError")), ms);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const result = new AbortSignal(token);
    for (const signal of signals) {
      if (signal.#aborted) {
        result.#abort(signal.#reason);
        break;
      }
      signal.#followers.push(result);
    }
    return result;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  get onabort(): Handler {
    return this.#handler;
  }

  set onabort(handler: Handler) {
    const isSet = this.#handler !== null;
    this.#handler = typeof handler === "function" ? handler : null;
    // Its turn is that of a listener added when it was set.
    if (this.#handler === null) this.removeEventListener("abort", this.#listener);
    else if (!isSet) this.addEventListener("abort", this.#listener);
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  #abort(reason: unknown = new DOMException("This operation was aborted", "AbortError")): void {
    for (const signal of this.#mark(reason)) signal.dispatchEvent(new Event("abort"));
  }

  /** Gives those that are aborted by it: all are before the first hears of it. */
  #mark(reason: unknown): AbortSignal[] {
    if (this.#aborted) return [];
    this.#aborted = true;
    this.#reason = reason;
    const followers = this.#followers;
    this.#followers = [];
    return [this, ...followers.flatMap((follower) => follower.#mark(reason))];
  }

  override get [Symbol.toStringTag](): string {
    return "AbortSignal";
  }

  /** For AbortController, which is defined beside it. */
  static readonly [token] = {
    make: (): AbortSignal => new AbortSignal(token),
    abort: (signal: AbortSignal, reason: unknown): void => signal.#abort(reason),
  };
}

const { make, abort } = AbortSignal[token];
Reflect.deleteProperty(AbortSignal, token);

export class AbortController {
  readonly #signal = make();

  get signal(): AbortSignal {
    return this.#signal;
  }

  abort(reason?: unknown): void {
    abort(this.#signal, reason);
  }

  get [Symbol.toStringTag](): string {
    return "AbortController";
  }
}
