// Counts events and their durations over a sliding minute, cheaply enough for every request.

const buckets = 96;
const windowMs = 30_000;

interface Window {
  startedAt: number;
  count: number;
  histogram: Uint32Array;
}

/** Rate and 95th percentile over the last 30 to 60 seconds; exact to about 12 % of a duration. */
export class Meter {
  readonly #now: () => number;
  #current: Window;
  #previous: Window | undefined;
  #errors = 0;
  #total = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#current = this.#open(now());
  }

  record(durationMs: number, failed: boolean): void {
    this.#turn();
    this.#current.count += 1;
    this.#total += 1;
    if (failed) this.#errors += 1;
    const bucket = bucketOf(durationMs);
    this.#current.histogram[bucket] = (this.#current.histogram[bucket] ?? 0) + 1;
  }

  get errors(): number {
    return this.#errors;
  }

  get total(): number {
    return this.#total;
  }

  perSecond(): number {
    this.#turn();
    const since = this.#previous?.startedAt ?? this.#current.startedAt;
    const seconds = Math.max(1, (this.#now() - since) / 1000);
    return (this.#current.count + (this.#previous?.count ?? 0)) / seconds;
  }

  /** Null while nothing was recorded in the window. */
  p95Ms(): number | null {
    this.#turn();
    const count = this.#current.count + (this.#previous?.count ?? 0);
    if (count === 0) return null;
    let left = Math.ceil(count * 0.95);
    for (let bucket = 0; bucket < buckets; bucket += 1) {
      left -= (this.#current.histogram[bucket] ?? 0) + (this.#previous?.histogram[bucket] ?? 0);
      if (left <= 0) return upperBound(bucket);
    }
    return upperBound(buckets - 1);
  }

  #turn(): void {
    const now = this.#now();
    if (now - this.#current.startedAt < windowMs) return;
    this.#previous = now - this.#current.startedAt < 2 * windowMs ? this.#current : undefined;
    this.#current = this.#open(now);
  }

  #open(startedAt: number): Window {
    return { startedAt, count: 0, histogram: new Uint32Array(buckets) };
  }
}

// Buckets grow by 2^(1/4) from 0.01 ms; the last one takes all beyond about two minutes.
function bucketOf(durationMs: number): number {
  const bucket = Math.ceil(4 * Math.log2(Math.max(durationMs, 0.01) / 0.01));
  return Math.min(bucket, buckets - 1);
}

function upperBound(bucket: number): number {
  return Math.round(0.01 * 2 ** (bucket / 4) * 100) / 100;
}
