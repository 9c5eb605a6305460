// Calls under way in one sandbox: ids, deadlines, cancellation, and what happens to all of them when the sandbox ends.
import { XcoreError } from "../base/error.ts";
import { formatDuration } from "../base/units.ts";
import type { CallOptions } from "./sandbox.ts";

export interface PendingCallsOptions {
  label: string;
  /** The caller no longer waits; `overdue` tells a passed deadline from a cancellation. */
  onAbandon(id: number, overdue: boolean): void;
}

export interface PendingCall {
  readonly id: number;
  /** `request` is answered by a response, everything else by a value. */
  readonly kind: "request" | "call";
  /** When it must be over, in performance.now() time. */
  readonly deadline: number;
  resolve(value: unknown): void;
  reject(error: XcoreError): void;
}

export interface NewCall extends CallOptions {
  kind: PendingCall["kind"];
  /** "GET /notes", "action 'count'". */
  what: string;
}

export class PendingCalls {
  /** Replies nobody waited for any more. */
  late = 0;
  readonly #options: PendingCallsOptions;
  readonly #calls = new Map<number, PendingCall>();
  #nextId = 1;

  constructor(options: PendingCallsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#calls.size;
  }

  get(id: number): PendingCall | undefined {
    return this.#calls.get(id);
  }

  /** The promise is that of the answer. */
  add<T>(call: NewCall): { id: number; answer: Promise<T> } {
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const forget = (): void => {
      this.#calls.delete(id);
      clearTimeout(timer);
      call.signal?.removeEventListener("abort", onAbort);
    };
    const onAbort = (): void => {
      pending.reject(
        new XcoreError("CALL_CANCELLED", `plugin '${this.#options.label}': ${call.what} was cancelled`, {
          cause: call.signal?.reason,
        }),
      );
      this.#options.onAbandon(id, false);
    };
    const started = performance.now();
    const timer = setTimeout(() => {
      pending.reject(this.#overdue(call, performance.now() - started));
      this.#options.onAbandon(id, true);
    }, call.timeoutMs);
    const pending: PendingCall = {
      id,
      kind: call.kind,
      deadline: started + call.timeoutMs,
      resolve: (value) => {
        forget();
        resolve(value as T);
      },
      reject: (error) => {
        forget();
        reject(error);
      },
    };
    this.#calls.set(id, pending);
    call.signal?.addEventListener("abort", onAbort, { once: true });
    return { id, answer: promise };
  }

  /** The call an answer is for, or undefined (and counted) when nobody waits for it. */
  take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) this.late += 1;
    return call;
  }

  rejectAll(reason: XcoreError): void {
    for (const call of this.#calls.values()) call.reject(reason);
  }

  #overdue(call: NewCall, observedMs: number): XcoreError {
    const cap = formatDuration(call.timeoutMs);
    return new XcoreError(
      "PLUGIN_TIMEOUT",
      `plugin '${this.#options.label}': ${call.what} was not answered within ${cap}`,
      {
        hint: "Look for a promise that never settles, or raise limits.timeout in plugin.yaml.",
        details: { capMs: call.timeoutMs, observedMs: Math.round(observedMs) },
      },
    );
  }
}

/** `observed` and `cap`: calls, or what they hold in UTF-16 units. */
export function busy(
  label: string,
  waiting: { what: "calls" | "characters"; observed: number; cap: number },
): XcoreError {
  const { what, observed, cap } = waiting;
  return new XcoreError("PLUGIN_BUSY", `plugin '${label}': ${observed} ${what} wait for it already`, {
    hint: "Try again later, or run the plugin's slow work in jobs.",
    details: { cap, observed },
  });
}
