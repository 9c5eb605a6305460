// Whether an action is called at all: one that fails again and again is left alone for a while, then tried by one call.

export type CircuitState = "closed" | "open" | "half-open";

/** `failed`: it gave no answer. `answered`: it did, were it an error of its own. `unknown`: the caller went before. */
export type Outcome = "failed" | "answered" | "unknown";

export interface CircuitOptions {
  /** Failures in a row after which it rests. Default 5. */
  failures?: number;
  /** How long it rests first, in ms; doubled each time the probe fails. Default 1000. */
  restMs?: number;
  /** Default 30,000. */
  maxRestMs?: number;
  now?: () => number;
}

export class Circuit {
  readonly #options: Required<CircuitOptions>;
  #failures = 0;
  #restMs: number;
  /** When it may be tried again, in time of `now`; undefined: it is closed. */
  #until: number | undefined;
  #probing = false;

  constructor(options: CircuitOptions = {}) {
    this.#options = {
      failures: 5,
      restMs: 1000,
      maxRestMs: 30_000,
      now: () => performance.now(),
      ...options,
    };
    this.#restMs = this.#options.restMs;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  get state(): CircuitState {
    if (this.#until === undefined) return "closed";
    return this.#probing || this.#until <= this.#options.now() ? "half-open" : "open";
  }

  /** Milliseconds until it is tried again; 0 when that may be now. */
  get retryInMs(): number {
    return this.#until === undefined ? 0 : Math.max(0, this.#until - this.#options.now());
  }

  /** Lets a call through, or not. Whoever is let through must say how it ended, once. */
  enter(): ((outcome: Outcome) => void) | undefined {
    if (this.#until === undefined) return (outcome) => this.#ended(outcome);
    if (this.#probing || this.#until > this.#options.now()) return undefined;
    this.#probing = true;
    return (outcome) => {
      this.#probing = false;
      if (outcome === "answered") this.#close();
      else if (outcome === "failed") this.#rest(Math.min(this.#restMs * 2, this.#options.maxRestMs));
    };
  }

  /** Calls that were under way when it began to rest say nothing about it any more. */
  #ended(outcome: Outcome): void {
    if (this.#until !== undefined || outcome === "unknown") return;
    if (outcome === "answered") this.#failures = 0;
    else {
      this.#failures += 1;
      if (this.#failures >= this.#options.failures) this.#until = this.#options.now() + this.#restMs;
    }
  }

  #rest(ms: number): void {
    this.#failures += 1;
    this.#restMs = ms;
    this.#until = this.#options.now() + ms;
  }

  #close(): void {
    this.#failures = 0;
    this.#restMs = this.#options.restMs;
    this.#until = undefined;
  }
}
