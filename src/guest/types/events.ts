// Global types: events, aborting, DOMException.

declare global {
  interface EventInit {
    bubbles?: boolean;
    cancelable?: boolean;
    composed?: boolean;
  }
  interface Event {
    readonly type: string;
    readonly target: EventTarget | null;
    readonly currentTarget: EventTarget | null;
    readonly bubbles: boolean;
    readonly cancelable: boolean;
    readonly composed: boolean;
    readonly defaultPrevented: boolean;
    readonly eventPhase: number;
    readonly isTrusted: boolean;
    readonly timeStamp: number;
    composedPath(): EventTarget[];
    preventDefault(): void;
    stopPropagation(): void;
    stopImmediatePropagation(): void;
  }
  var Event: { new (type: string, init?: EventInit): Event; prototype: Event };

  type EventListenerOrEventListenerObject = ((event: Event) => void) | { handleEvent(event: Event): void };
  interface AddEventListenerOptions {
    capture?: boolean;
    once?: boolean;
    passive?: boolean;
    signal?: AbortSignal;
  }
  interface EventTarget {
    addEventListener(
      type: string,
      listener: EventListenerOrEventListenerObject | null,
      options?: AddEventListenerOptions | boolean,
    ): void;
    removeEventListener(
      type: string,
      listener: EventListenerOrEventListenerObject | null,
      options?: { capture?: boolean } | boolean,
    ): void;
    dispatchEvent(event: Event): boolean;
  }
  var EventTarget: { new (): EventTarget; prototype: EventTarget };

  interface AbortSignal extends EventTarget {
    readonly aborted: boolean;
    // oxlint-disable-next-line typescript/no-explicit-any -- as in every editor's own declaration: whatever abort was given
    readonly reason: any;
    onabort: ((this: AbortSignal, event: Event) => void) | null;
    throwIfAborted(): void;
  }
  var AbortSignal: {
    prototype: AbortSignal;
    abort(reason?: unknown): AbortSignal;
    any(signals: Iterable<AbortSignal>): AbortSignal;
    timeout(ms: number): AbortSignal;
  };
  interface AbortController {
    readonly signal: AbortSignal;
    abort(reason?: unknown): void;
  }
  var AbortController: { new (): AbortController; prototype: AbortController };

  interface DOMException extends Error {
    readonly code: number;
  }
  var DOMException: {
    new (message?: string, name?: string | { name?: string; cause?: unknown }): DOMException;
    prototype: DOMException;
  };
}
