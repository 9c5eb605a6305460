// Counts events and their durations over a sliding minute, cheaply enough for every request.

const buckets = 96;
const windowMs = 30_000;
const minute = 60;
const rateSeconds = 10;

interface Window {
  startedAt: number;
  count: number;
  histogram: Uint32Array;
}

/** Counts of the last minute by the second, and the 95th percentile of the last 30 to 60 seconds; exact to about 12 % of a duration. */
export class Meter {
  readonly #now: () => number;
  /** One count a second, each in the place of its second within the minute. */
  readonly #seconds = new Uint32Array(minute);
  #second: number;
  #current: Window;
  #previous: Window | undefined;
  #errors = 0;
  #total = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#second = Math.floor(now() / 1000);
    this.#current = this.#open(now());
  }

  record(durationMs: number, failed: boolean): void {
    this.#turn();
    this.#current.count += 1;
    const place = this.#second % minute;
    this.#seconds[place] = (this.#seconds[place] ?? 0) + 1;
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

  /** How many there were within the last 60 seconds: counted, never extrapolated. */
  perMinute(): number {
    this.#turn();
    return this.#seconds.reduce((sum, count) => sum + count, 0);
  }

  /** The mean rate of the last ten seconds. */
  perSecond(): number {
    this.#turn();
    let sum = 0;
    for (let back = 0; back < rateSeconds; back += 1)
      sum += this.#seconds[(this.#second - back + minute) % minute] ?? 0;
    return sum / rateSeconds;
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
    const second = Math.floor(now / 1000);
    if (second - this.#second >= minute) this.#seconds.fill(0);
    else
      for (let passed = this.#second + 1; passed <= second; passed += 1) this.#seconds[passed % minute] = 0;
    this.#second = second;
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
