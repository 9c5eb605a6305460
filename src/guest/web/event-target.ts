// Event and EventTarget as far as a program without a document needs them. https://dom.spec.whatwg.org/#events

type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };

interface Registration {
  type: string;
  listener: Listener;
  capture: boolean;
  once: boolean;
  removed: boolean;
}

interface ListenerOptions {
  capture?: boolean;
  once?: boolean;
  passive?: boolean;
  signal?: { readonly aborted: boolean; addEventListener(type: "abort", listener: () => void): void };
}

export class Event {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly timeStamp = Date.now();
  readonly isTrusted = false;
  target: EventTarget | null = null;
  currentTarget: EventTarget | null = null;
  #prevented = false;
  #stopped = false;

  constructor(type: string, init: { bubbles?: boolean; cancelable?: boolean; composed?: boolean } = {}) {
    this.type = String(type);
    this.bubbles = init.bubbles ?? false;
    this.cancelable = init.cancelable ?? false;
    this.composed = init.composed ?? false;
  }

  get defaultPrevented(): boolean {
    return this.#prevented;
  }

  get eventPhase(): number {
    return this.currentTarget === null ? 0 : 2;
  }

  preventDefault(): void {
    if (this.cancelable) this.#prevented = true;
  }

  stopPropagation(): void {
    // One target, no tree: there is nothing to propagate to.
  }

  stopImmediatePropagation(): void {
    this.#stopped = true;
  }

  composedPath(): EventTarget[] {
    return this.currentTarget === null ? [] : [this.currentTarget];
  }

  get [Symbol.toStringTag](): string {
    return "Event";
  }

  static isStopped(event: Event): boolean {
    return event.#stopped;
  }
}

const isStopped = Event.isStopped;
Reflect.deleteProperty(Event, "isStopped");

export class EventTarget {
  #registrations: Registration[] = [];

  addEventListener(type: string, listener: Listener | null, options: ListenerOptions | boolean = {}): void {
    if (listener === null || listener === undefined) return;
    const {
      capture = false,
      once = false,
      signal,
    } = typeof options === "boolean" ? { capture: options } : options;
    if (signal?.aborted === true || this.#find(type, listener, capture) !== undefined) return;
    this.#registrations.push({ type, listener, capture, once, removed: false });
    signal?.addEventListener("abort", () => this.removeEventListener(type, listener, capture));
  }

  removeEventListener(
    type: string,
    listener: Listener | null,
    options: ListenerOptions | boolean = {},
  ): void {
    if (listener === null || listener === undefined) return;
    const capture = typeof options === "boolean" ? options : (options.capture ?? false);
    const found = this.#find(type, listener, capture);
    if (found === undefined) return;
    found.removed = true;
    this.#registrations = this.#registrations.filter((registration) => registration !== found);
  }

  /** A listener that throws does not keep the others from hearing; what it threw is rethrown in a microtask of its own. */
  dispatchEvent(event: Event): boolean {
    event.target = this;
    event.currentTarget = this;
    for (const registration of this.#registrations) {
      if (registration.type !== event.type || registration.removed) continue;
      const { listener, capture, once } = registration;
      if (once) this.removeEventListener(event.type, listener, capture);
      try {
        if (typeof listener === "function") listener.call(this, event);
        else listener.handleEvent(event);
      } catch (thrown) {
        globalThis.reportError(thrown);
      }
      if (isStopped(event)) break;
    }
    event.currentTarget = null;
    return !event.defaultPrevented;
  }

  get [Symbol.toStringTag](): string {
    return "EventTarget";
  }

  #find(type: string, listener: Listener, capture: boolean): Registration | undefined {
    return this.#registrations.find(
      (known) => known.type === type && known.listener === listener && known.capture === capture,
    );
  }
}
