// How many jobs a plugin may have waiting. Counted in the database now and then, and by additions in between.
import { XcoreError } from "../../base/error.ts";

interface Count {
  waiting: number;
  at: number;
}

const recountAfterMs = 5000;
// A full queue is looked at again sooner, but not for each of a flood of jobs.
const recountFullAfterMs = 250;

export class WaitingQuota {
  readonly #max: number;
  readonly #count: (plugin: string, most: number) => Promise<number>;
  readonly #counts = new Map<string, Count>();
  /** Counts under way: whoever comes meanwhile waits for the same one. */
  readonly #counting = new Map<string, Promise<Count>>();

  constructor(max: number, count: (plugin: string, most: number) => Promise<number>) {
    this.#max = max;
    this.#count = count;
  }

  /** Throws `QUOTA_EXCEEDED` when the plugin's queue is full. */
  async take(plugin: string): Promise<void> {
    const known = this.#known(plugin) ?? (await this.#recount(plugin));
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

  #known(plugin: string): Count | undefined {
    const known = this.#counts.get(plugin);
    if (known === undefined) return undefined;
    const validMs = known.waiting >= this.#max ? recountFullAfterMs : recountAfterMs;
    return performance.now() - known.at > validMs ? undefined : known;
  }

  #recount(plugin: string): Promise<Count> {
    const counting =
      this.#counting.get(plugin) ??
      this.#count(plugin, this.#max)
        .then((waiting) => {
          const known = { waiting, at: performance.now() };
          this.#counts.set(plugin, known);
          return known;
        })
        .finally(() => this.#counting.delete(plugin));
    this.#counting.set(plugin, counting);
    return counting;
  }
}
