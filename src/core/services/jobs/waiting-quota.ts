// How many jobs a plugin may have waiting. Counted in the database now and then, and by additions in between.
import { XcoreError } from "../../base/error.ts";

interface Count {
  waiting: number;
  at: number;
}

const recountAfterMs = 5000;

export class WaitingQuota {
  readonly #max: number;
  readonly #count: (plugin: string, most: number) => Promise<number>;
  readonly #counts = new Map<string, Count>();

  constructor(max: number, count: (plugin: string, most: number) => Promise<number>) {
    this.#max = max;
    this.#count = count;
  }

  /** Throws `QUOTA_EXCEEDED` when the plugin's queue is full. */
  async take(plugin: string): Promise<void> {
    let known = this.#counts.get(plugin);
    if (known === undefined || known.waiting >= this.#max || performance.now() - known.at > recountAfterMs) {
      known = { waiting: await this.#count(plugin, this.#max), at: performance.now() };
      this.#counts.set(plugin, known);
    }
    if (known.waiting >= this.#max) {
      throw new XcoreError(
        "QUOTA_EXCEEDED",
        `plugin '${plugin}': ${known.waiting} jobs wait already; at most ${this.#max}`,
        {
          hint: "Enqueue less, raise the job's concurrency, or raise services.jobs.maxWaiting in integration.yaml.",
        },
      );
    }
    known.waiting += 1;
  }

  forget(plugin: string): void {
    this.#counts.delete(plugin);
  }
}
