// When a plugin that crashed is tried again, and when it is given up: as supervisors in Erlang count restarts in a period.

const firstDelayMs = 250;
const longestDelayMs = 30_000;
const crashesUntilQuarantine = 5;
const periodMs = 60_000;

export class Backoff {
  readonly #now: () => number;
  #crashes: number[] = [];
  #delayMs = firstDelayMs;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Notes a crash. The delay until the next try in ms, doubling from 250 to 30,000, or `quarantine` at the fifth crash within 60 s. */
  crashed(): number | "quarantine" {
    const now = this.#now();
    const last = this.#crashes.at(-1);
    if (last !== undefined && now - last > periodMs) this.#delayMs = firstDelayMs;
    this.#crashes = [...this.#crashes.filter((at) => now - at < periodMs), now];
    if (this.#crashes.length >= crashesUntilQuarantine) return "quarantine";
    const delayMs = this.#delayMs;
    this.#delayMs = Math.min(delayMs * 2, longestDelayMs);
    return delayMs;
  }

  reset(): void {
    this.#crashes = [];
    this.#delayMs = firstDelayMs;
  }
}
