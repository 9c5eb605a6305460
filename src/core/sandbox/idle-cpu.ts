// CPU that a sandbox uses while nobody waits for it: short timers without end keep a core busy though no stretch is long.
import { idleCpuShare, idleCpuSlices } from "./bounds.ts";

export class IdleCpu {
  readonly #burstMs: number;
  #leftMs: number;
  #cpuMs = 0;
  #at = performance.now();
  #waitedFor = true;

  /** `cpuMs`: its limit of one stretch; it may spend so many of them at once. */
  constructor(cpuMs: number) {
    this.#burstMs = cpuMs * idleCpuSlices;
    this.#leftMs = this.#burstMs;
  }

  get burstMs(): number {
    return this.#burstMs;
  }

  /** A call was under way since the last reading: what was used until the next one is on its behalf. */
  noteCall(): void {
    this.#waitedFor = true;
  }

  /** The CPU time used beyond the share, in ms, when a reading shows that it is all used up; else undefined. */
  note(cpuMs: number, now: number = performance.now()): number | undefined {
    const used = cpuMs - this.#cpuMs;
    const passed = now - this.#at;
    this.#cpuMs = cpuMs;
    this.#at = now;
    this.#leftMs = Math.min(this.#burstMs, this.#leftMs + passed * idleCpuShare);
    if (this.#waitedFor) {
      this.#waitedFor = false;
      return undefined;
    }
    this.#leftMs -= used;
    return this.#leftMs < 0 ? this.#burstMs - this.#leftMs : undefined;
  }
}
