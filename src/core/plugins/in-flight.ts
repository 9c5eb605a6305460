// Calls under way, counted, so that a revision's end can wait for the last of them.
import type { PluginResponse } from "../sandbox/sandbox.ts";

export class InFlight {
  #count = 0;
  #idle: (() => void) | undefined;

  get count(): number {
    return this.#count;
  }

  /** Counts a call until it has settled. */
  track<T>(call: Promise<T>): Promise<T> {
    const landed = this.enter();
    call.then(landed, landed);
    return call;
  }

  /** Counts one until what it returns is called. */
  enter(): () => void {
    this.#count += 1;
    return () => {
      this.#count -= 1;
      if (this.#count === 0) this.#idle?.();
    };
  }

  /** Resolves once nothing is under way; for one waiter. */
  idle(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle = resolve;
    });
  }
}

/** Calls `over` once nothing of it is under way: it has failed, it came whole, or its stream or its socket has ended. */
export function whenOver(answer: Promise<PluginResponse>, over: () => void): void {
  answer.then(({ stream, socket }) => {
    const rest = stream ?? socket;
    return rest === undefined ? over() : void rest.over.then(over);
  }, over);
}
