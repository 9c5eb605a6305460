// Calls under way in one sandbox: ids, deadlines, cancellation, and what happens to all of them when the sandbox ends.
import { XcoreError } from "../base/error.ts";
import { formatDuration } from "../base/units.ts";
import { notBegun } from "./end-reasons.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { CallOptions } from "./sandbox.ts";

export interface PendingCallsOptions {
  label: string;
  /** The caller no longer waits; `overdue` tells a passed deadline from a cancellation. */
  onAbandon(id: number, overdue: boolean): void;
}

export interface NewCall extends CallOptions {
  /** `request` is answered by a response, everything else by a value. */
  kind: "request" | "call";
  /** "GET /notes", "action 'count'"; made only for an error. */
  what(): string;
}

/** Options are read, not spread: a signal may be a getter of its class. */
export function newCall(
  kind: NewCall["kind"],
  what: () => string,
  { timeoutMs, signal, origin }: CallOptions,
): NewCall {
  return {
    kind,
    what,
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
    ...(origin === undefined ? {} : { origin }),
  };
}

/** One call: its caller's promise, its deadline, its cancellation. */
export class PendingCall {
  readonly id: number;
  readonly call: NewCall;
  /** Which of the sandbox's records it is. */
  readonly position: number;
  readonly startedAt = performance.now();
  /** When it must be over, in performance.now() time. */
  deadline: number;
  readonly #table: PendingCalls;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: XcoreError) => void;
  readonly #onAbort = (): void => this.#table.cancel(this);

  constructor(id: number, call: NewCall, table: PendingCalls, settle: Settle) {
    this.id = id;
    this.call = call;
    this.position = settle.position;
    this.deadline = this.startedAt + call.timeoutMs;
    this.#table = table;
    this.#resolve = settle.resolve;
    this.#reject = settle.reject;
    call.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get kind(): NewCall["kind"] {
    return this.call.kind;
  }

  get origin(): CallOrigin | undefined {
    return this.call.origin;
  }

  /** Its time begins anew: what it works on has only just come. */
  postpone(): void {
    this.deadline = performance.now() + this.call.timeoutMs;
  }

  resolve(value: unknown): void {
    this.#leave();
    this.#resolve(value);
  }

  reject(error: XcoreError): void {
    this.#leave();
    this.#reject(error);
  }

  #leave(): void {
    this.#table.forget(this.id);
    this.call.signal?.removeEventListener("abort", this.#onAbort);
  }
}

interface Settle {
  position: number;
  resolve(value: unknown): void;
  reject(error: XcoreError): void;
}

/** Deadlines are looked at this often: a timer for each call would cost more than the call. */
const sweepMs = 10;

export class PendingCalls {
  /** Replies nobody waited for any more. */
  late = 0;
  readonly #options: PendingCallsOptions;
  readonly #calls = new Map<number, PendingCall>();
  #sweeper: NodeJS.Timeout | undefined;
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

  /** The promise is that of the answer. `position`: which of the sandbox's records it is. */
  add<T>(call: NewCall, position: number): { id: number; answer: Promise<T> } {
    const id = this.#nextId;
    this.#nextId += 1;
    const answer = new Promise<T>((resolve, reject) => {
      const settle = { resolve: resolve as (value: unknown) => void, reject, position };
      this.#calls.set(id, new PendingCall(id, call, this, settle));
    });
    this.#sweeper ??= setTimeout(() => this.#sweep(), sweepMs);
    return { id, answer };
  }

  /** The call an answer is for, or undefined (and counted) when nobody waits for it. */
  take(id: number): PendingCall | undefined {
    const call = this.#calls.get(id);
    if (call === undefined) this.late += 1;
    return call;
  }

  forget(id: number): void {
    this.#calls.delete(id);
  }

  cancel({ id, call }: PendingCall): void {
    const message = `plugin '${this.#options.label}': ${call.what()} was cancelled`;
    this.#calls.get(id)?.reject(new XcoreError("CALL_CANCELLED", message, { cause: call.signal?.reason }));
    this.#options.onAbandon(id, false);
  }

  /** `begunTo`: the position of the last record that the host had begun with; who stands behind it is told so. */
  rejectAll(reason: XcoreError, begunTo: number = Number.POSITIVE_INFINITY): void {
    const unbegun = notBegun(reason);
    for (const call of this.#calls.values()) call.reject(call.position > begunTo ? unbegun : reason);
    clearTimeout(this.#sweeper);
    this.#sweeper = undefined;
  }

  #sweep(): void {
    const now = performance.now();
    for (const pending of this.#calls.values()) {
      if (pending.deadline > now) continue;
      pending.reject(this.#overdue(pending, now - pending.startedAt));
      this.#options.onAbandon(pending.id, true);
    }
    this.#sweeper = this.#calls.size === 0 ? undefined : setTimeout(() => this.#sweep(), sweepMs);
  }

  #overdue({ call }: PendingCall, observedMs: number): XcoreError {
    const cap = formatDuration(call.timeoutMs);
    return new XcoreError(
      "PLUGIN_TIMEOUT",
      `plugin '${this.#options.label}': ${call.what()} was not answered within ${cap}`,
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
