// Waiting with an end: every wait in the core has a deadline or an abort signal.
import { XcoreError } from "./error.ts";
import type { Code } from "./codes.ts";

export interface DeadlineOptions {
  ms: number;
  code: Code;
  /** The sentence of the error when time runs out. */
  message: string;
  hint?: string;
}

/** Settles as `work` does, or rejects with the given code after `ms`. The work itself goes on: cancel it where it can be. */
export async function withDeadline<T>(work: Promise<T>, options: DeadlineOptions): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new XcoreError(options.code, options.message, options.hint === undefined ? {} : { hint: options.hint }),
    );
  }, options.ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `ms`; rejects at once with the signal's reason when it is aborted. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (signal?.aborted === true) return Promise.reject(signal.reason);
  const onAbort = (): void => {
    clearTimeout(timer);
    reject(signal?.reason);
  };
  const timer = setTimeout(() => {
    signal?.removeEventListener("abort", onAbort);
    resolve();
  }, ms);
  signal?.addEventListener("abort", onAbort, { once: true });
  return promise;
}

/** What is left of a time that began then (`performance.now()`), in whole ms; at least one. */
export function timeLeft(timeoutMs: number, startedAt: number): number {
  return Math.max(1, Math.ceil(timeoutMs - (performance.now() - startedAt)));
}
