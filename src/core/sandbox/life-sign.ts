// Whether a host still answers. A call that hangs is the plugin's affair; a host that does not even answer this is not left alone.
import { pingGraceMs } from "./bounds.ts";

export interface LifeSignOptions {
  /** Sends the question. */
  ask(sandbox: number): void;
  /** The longest stretch without a pause that anything in the host may take, in ms. */
  longestMs(): number;
  /** No answer came. `sandbox`: on whose account it was asked. */
  onSilence(sandbox: number, elapsedMs: number): void;
}

export class LifeSign {
  readonly #options: LifeSignOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LifeSignOptions) {
    this.#options = options;
  }

  /** Asks for one, unless one is waited for already. */
  demand(sandbox: number): void {
    if (this.#timer !== undefined) return;
    const { ask, longestMs, onSilence } = this.#options;
    ask(sandbox);
    const since = performance.now();
    const patienceMs = longestMs() + pingGraceMs;
    this.#timer = setTimeout(() => {
      const elapsedMs = performance.now() - since;
      // Where the machine stood still, the host did, too: it is asked anew, and an answer that is here already is read first.
      if (elapsedMs > patienceMs + pingGraceMs) {
        this.#timer = undefined;
        this.demand(sandbox);
      } else onSilence(sandbox, elapsedMs);
    }, patienceMs);
    this.#timer.unref();
  }

  /** It answered, or nobody waits any more. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
