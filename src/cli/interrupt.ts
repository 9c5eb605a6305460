// Ctrl-C as an AbortSignal: what is under way cleans up after itself, and the command ends with 130.
import { XcoreError } from "../core/base/error.ts";

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Aborts with `CANCELLED` on the first signal; a second one ends the process where it stands. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  readonly #listener = (): void => {
    if (this.#controller.signal.aborted) process.exit(cancelled().exit);
    this.#controller.abort(cancelled());
  };

  constructor() {
    for (const signal of signals) process.on(signal, this.#listener);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of signals) process.off(signal, this.#listener);
  }
}

export function cancelled(): XcoreError {
  return new XcoreError("CANCELLED", "cancelled; nothing was changed");
}
