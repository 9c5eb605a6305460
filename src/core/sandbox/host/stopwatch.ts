// How long one stretch in an isolate takes, and when V8 is to be told that it took too long.

/** Between two looks at the CPU time of the process: a stretch that matters is many times as long. */
const sampleMs = 5;
/**
 * isolated-vm wakes a thread whenever a timeout would have passed, long after the call it was for: once a call. Those that pass
 * within the same millisecond share a wake-up.
 */
const gridMs = 20;

let cpu = process.cpuUsage();
let cpuAt = performance.now();

/** Time on the wall and on the processor: V8's timeout knows the first only. */
export class Stopwatch {
  readonly #startedAt = performance.now();
  readonly #cpu: NodeJS.CpuUsage;

  constructor() {
    if (this.#startedAt - cpuAt > sampleMs) {
      cpu = process.cpuUsage();
      cpuAt = this.#startedAt;
    }
    this.#cpu = cpu;
  }

  elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  /** Exact to some milliseconds, and never more than `elapsedMs`. */
  cpuMs(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    return Math.min((user + system) / 1000, this.elapsedMs());
  }

  /** A timeout that is at least `ms` and at most 21 ms more, which the 100 ms that a limit may be overrun have room for. */
  timeoutOf(ms: number): number {
    const due = this.#startedAt + ms;
    return Math.ceil(ms + Math.ceil(due / gridMs) * gridMs - due);
  }
}
