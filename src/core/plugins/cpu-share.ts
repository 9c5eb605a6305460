// CPU use as a share of one core over about a minute, from readings taken whenever somebody asks.

interface Reading {
  cpuMs: number;
  uptimeMs: number;
}

const windowMs = 60_000;
const spacingMs = 5_000;

export class CpuShare {
  readonly #cores: number;
  #readings: Reading[] = [{ cpuMs: 0, uptimeMs: 0 }];

  /** `cores`: the most it can use at once. Default 1. */
  constructor(cores = 1) {
    this.#cores = cores;
  }

  share(cpuMs: number, uptimeMs: number): number {
    while (this.#readings.length > 1 && uptimeMs - (this.#readings[1]?.uptimeMs ?? 0) >= windowMs)
      this.#readings.shift();
    const first = this.#readings[0] ?? { cpuMs: 0, uptimeMs: 0 };
    const last = this.#readings.at(-1) ?? first;
    if (uptimeMs - last.uptimeMs >= spacingMs) this.#readings.push({ cpuMs, uptimeMs });
    const elapsed = uptimeMs - first.uptimeMs;
    return elapsed <= 0 ? 0 : Math.min(this.#cores, Math.max(0, (cpuMs - first.cpuMs) / elapsed));
  }
}
