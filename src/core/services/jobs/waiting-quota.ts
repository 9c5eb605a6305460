// How many jobs a plugin, or a tenant, may have waiting. Counted in the database now and then, and by additions in between.
import { XcoreError } from "../../base/error.ts";
import { eventQueueOf } from "./event-job.ts";

interface Count {
  waiting: number;
  at: number;
}

const recountAfterMs = 5000;
// A full queue is looked at again sooner, but not for each of a flood of jobs.
const recountFullAfterMs = 250;

export class WaitingQuota {
  readonly #full: (of: string, waiting: number, max: number) => XcoreError;
  readonly #count: (of: string, most: number) => Promise<number>;
  readonly #counts = new Map<string, Count>();
  /** Counts under way: whoever comes meanwhile waits for the same one. */
  readonly #counting = new Map<string, Promise<Count>>();

  /** `full` makes the error; `count` counts no further than `most`. */
  constructor(
    full: (of: string, waiting: number, max: number) => XcoreError,
    count: (of: string, most: number) => Promise<number>,
  ) {
    this.#full = full;
    this.#count = count;
  }

  /** Throws when the queue is full. */
  async take(of: string, max: number): Promise<void> {
    const known = this.#known(of, max) ?? (await this.#recount(of, max));
    if (known.waiting >= max) throw this.#full(of, known.waiting, max);
    known.waiting += 1;
  }

  forget(of: string): void {
    this.#counts.delete(of);
  }

  #known(of: string, max: number): Count | undefined {
    const known = this.#counts.get(of);
    if (known === undefined) return undefined;
    const validMs = known.waiting >= max ? recountFullAfterMs : recountAfterMs;
    return performance.now() - known.at > validMs ? undefined : known;
  }

  #recount(of: string, max: number): Promise<Count> {
    const counting =
      this.#counting.get(of) ??
      this.#count(of, max)
        .then((waiting) => {
          const known = { waiting, at: performance.now() };
          this.#counts.set(of, known);
          return known;
        })
        .finally(() => this.#counting.delete(of));
    this.#counting.set(of, counting);
    return counting;
  }
}

/** `queue`: as `queueOf` says it. */
export function pluginFull(queue: string, waiting: number, max: number): XcoreError {
  const handler = eventQueueOf(queue);
  const [what, hint] =
    handler === undefined
      ? [`plugin '${queue}': ${waiting} jobs wait`, "Enqueue less, raise the job's concurrency,"]
      : [
          `plugin '${handler}': ${waiting} durable events wait for it`,
          "Publish less, see that it is running,",
        ];
  return new XcoreError("QUOTA_EXCEEDED", `${what} already; at most ${max}`, {
    hint: `${hint} or raise services.jobs.maxWaiting in integration.yaml.`,
  });
}

export function tenantFull(tenant: string, waiting: number, max: number): XcoreError {
  return new XcoreError("TENANT_QUOTA", `tenant '${tenant}': ${waiting} jobs wait already; at most ${max}`, {
    hint: `Enqueue less, or give it more: xcore tenant set ${tenant} --jobs <number>`,
  });
}
