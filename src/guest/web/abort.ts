// AbortController and AbortSignal. https://dom.spec.whatwg.org/#aborting-ongoing-activities
import { DOMException } from "./dom-exception.ts";
import { Event, EventTarget } from "./event-target.ts";

const token = Symbol("abort");
type Handler = ((this: AbortSignal, event: Event) => void) | null;

export class AbortSignal extends EventTarget {
  #aborted = false;
  #reason: unknown = undefined;
  #handler: Handler = null;
  #followers: AbortSignal[] = [];

  constructor(caller?: typeof token) {
    if (caller !== token)
      throw new TypeError("Illegal constructor: use AbortController, AbortSignal.timeout or .any");
    super();
    this.addEventListener("abort", (event) => this.#handler?.call(this, event));
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
    this.#handler = typeof handler === "function" ? handler : null;
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason;
  }

  #abort(reason: unknown = new DOMException("This operation was aborted", "AbortError")): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#reason = reason;
    this.dispatchEvent(new Event("abort"));
    const followers = this.#followers;
    this.#followers = [];
    for (const follower of followers) follower.#abort(reason);
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
}
