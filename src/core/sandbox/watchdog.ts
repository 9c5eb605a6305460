// Looks at a host process from outside: is it stuck in one stretch, has it grown too large?
import { busyTickMs, idleTickMs, killGraceMs, mebibyte } from "./bounds.ts";
import type { ProcessMeter } from "./process-meter.ts";
import type { ProgressSlot } from "./progress-slot.ts";

/** What the watchdog must know of one sandbox of the host. */
export interface Watched {
  /** Time that one of its stretches may take before V8 stops it. */
  sliceMs: number;
  memoryBytes: number;
  /** Heap taken from the system, when it was last told. */
  totalBytes: number;
}

export interface WatchdogOptions {
  meter: ProcessMeter;
  progress: ProgressSlot;
  sandboxes(): ReadonlyMap<number, Watched>;
  /** Whether a call is under way. */
  isBusy(): boolean;
  onStuck(sandbox: number, elapsedMs: number): void;
  /** How many deliver frames the host has begun with, at every look. */
  onBegun(frames: number | undefined): void;
  /** `sandbox` 0: nobody was being executed. */
  onTooLarge(sandbox: number, rssBytes: number, allowedBytes: number): void;
}

// What a host may have beyond its heaps: fragmentation, compiled code, buffers of the transport.
const slackBytes = 24 * mebibyte;
const perSandboxBytes = 2 * mebibyte;
const leastHeadroomBytes = 32 * mebibyte;
// A stretch this many times over its limit ends even when the host gets hardly any CPU.
const starvedFactor = 8;

export class Watchdog {
  rssBytes = 0;
  peakRssBytes = 0;
  readonly #options: WatchdogOptions;
  readonly #baseBytes: number;
  /** What isolates that are gone may have left with the allocator: it gives memory back late or never. */
  #leftBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #resting = false;
  #stopped = false;
  #turn = { number: 0, since: 0, cpuMs: 0 };

  /** Begins to watch; the host is at rest and holds no isolate yet. */
  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#baseBytes = options.meter.rssBytes() ?? 64 * mebibyte;
    this.rssBytes = this.#baseBytes;
    this.#arm();
  }

  /** Work was handed over: look often again. */
  wake(): void {
    if (this.#resting) this.#arm();
  }

  /** A sandbox has left the host. */
  forget(sandbox: Watched): void {
    this.#leftBytes += sandbox.totalBytes + perSandboxBytes;
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#resting = !this.#options.isBusy();
    this.#timer = setTimeout(() => this.#tick(), this.#resting ? idleTickMs : busyTickMs);
    this.#timer.unref();
  }

  #tick(): void {
    const { turn, sandbox, frames } = this.#options.progress.read();
    this.#options.onBegun(frames);
    this.#checkMemory(sandbox);
    this.#checkProgress(turn, sandbox);
    this.#arm();
  }

  #checkMemory(sandbox: number): void {
    const rss = this.#options.meter.rssBytes();
    if (rss === undefined) return;
    this.rssBytes = rss;
    this.peakRssBytes = Math.max(this.peakRssBytes, rss);
    const allowed = this.#allowedBytes(sandbox);
    if (rss > allowed) this.#options.onTooLarge(sandbox, rss, allowed);
  }

  // Only one isolate runs at a time, so within one look only one can grow: the others are taken as they last were.
  #allowedBytes(current: number): number {
    const sandboxes = this.#options.sandboxes();
    let known = 0;
    let largestCap = 0;
    for (const { totalBytes, memoryBytes } of sandboxes.values()) {
      known += Math.min(totalBytes, memoryBytes) + perSandboxBytes;
      largestCap = Math.max(largestCap, memoryBytes);
    }
    const cap = sandboxes.get(current)?.memoryBytes ?? largestCap;
    const explained = this.#baseBytes + known;
    this.#leftBytes = Math.min(this.#leftBytes, Math.max(0, this.rssBytes - explained));
    return explained + this.#leftBytes + slackBytes + Math.max(leastHeadroomBytes, cap * 1.25);
  }

  #checkProgress(turn: number, sandbox: number): void {
    const now = performance.now();
    if (turn !== this.#turn.number || sandbox === 0) {
      this.#turn = { number: turn, since: now, cpuMs: -1 };
      return;
    }
    if (this.#turn.cpuMs === -1) this.#turn.cpuMs = this.#options.meter.cpuMs() ?? 0;
    const watched = this.#options.sandboxes().get(sandbox);
    if (watched === undefined) return;
    const elapsed = now - this.#turn.since;
    const limit = watched.sliceMs + killGraceMs;
    if (elapsed < limit) return;
    // Where the machine is overloaded, wall time passes while the host waits for a processor: that is not the plugin's doing.
    const cpuMs = this.#options.meter.cpuMs();
    const used = cpuMs === undefined ? elapsed : cpuMs - this.#turn.cpuMs;
    if (used >= watched.sliceMs || elapsed > limit * starvedFactor) this.#options.onStuck(sandbox, elapsed);
  }
}
