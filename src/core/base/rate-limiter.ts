// A token bucket: so many requests per period, in bursts up to the count.
import type { Rate } from "./units.ts";

export class RateLimiter {
  readonly #rate: Rate;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, now: () => number = () => performance.now()) {
    this.#rate = rate;
    this.#now = now;
    this.#tokens = rate.count;
    this.#at = now();
  }

  /** Takes a token; false when there is none. */
  take(): boolean {
    const now = this.#now();
    const refill = ((now - this.#at) * this.#rate.count) / this.#rate.perMs;
    this.#tokens = Math.min(this.#rate.count, this.#tokens + refill);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Whole seconds until a token is there; at least 1, as `Retry-After` wants it. */
  retryAfterSeconds(): number {
    return Math.max(1, Math.ceil(((1 - this.#tokens) * this.#rate.perMs) / this.#rate.count / 1000));
  }
}
