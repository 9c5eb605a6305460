// The sandboxes in one host, and what was told of each: how much it holds, and how long it may run.
import type { RemoteSandbox } from "./remote-sandbox.ts";
import type { Watched } from "./watchdog.ts";

export interface Entry extends Watched {
  sandbox: RemoteSandbox;
}

/** A sandbox's id, heap in use, heap taken from the system and CPU time, as its host tells them. */
export type HeapFigures = readonly [id: number, usedBytes: number, totalBytes: number, cpuMs: number];

export class Roster {
  readonly #entries = new Map<number, Entry>();

  get all(): ReadonlyMap<number, Entry> {
    return this.#entries;
  }

  get isBusy(): boolean {
    return this.#entries.values().some(({ sandbox }) => sandbox.busy);
  }

  /** Of all of them, in ms; 0: there are none. */
  get longestSliceMs(): number {
    return Math.max(0, ...this.#entries.values().map(({ sliceMs }) => sliceMs));
  }

  /** The id of the one that holds most. */
  get largest(): number | undefined {
    let largest: number | undefined;
    let most = Number.NEGATIVE_INFINITY;
    for (const [id, { totalBytes }] of this.#entries) {
      if (totalBytes <= most) continue;
      largest = id;
      most = totalBytes;
    }
    return largest;
  }

  /** The id of the one that is alone. */
  get only(): number | undefined {
    return this.#entries.size === 1 ? this.#entries.keys().next().value : undefined;
  }

  get(id: number): Entry | undefined {
    return this.#entries.get(id);
  }

  add(id: number, entry: Entry): void {
    this.#entries.set(id, entry);
  }

  delete(id: number): void {
    this.#entries.delete(id);
  }

  /** Those who were there; afterwards nobody is. */
  clear(): [id: number, entry: Entry][] {
    const all = [...this.#entries];
    this.#entries.clear();
    return all;
  }

  note(figures: readonly HeapFigures[]): void {
    for (const [id, usedBytes, totalBytes, cpuMs] of figures) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      entry.totalBytes = totalBytes;
      entry.sandbox.noteStats(usedBytes, cpuMs);
    }
  }
}
