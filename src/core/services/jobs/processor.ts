// Agenda at work: claims due jobs of what is bound, runs them under a lock that is kept alive, tries failed ones again.
import { randomUUID } from "node:crypto";
import { Agenda, type Job } from "agenda";
import type { Pool } from "pg";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { retryDelayMs } from "./backoff.ts";
import type { Binding } from "./bindings.ts";
import { LocalChannel } from "./channel.ts";
import type { DatabaseClock } from "./database-clock.ts";
import { ClaimingRepository, type RunEnvelope } from "./repository.ts";
import { RunningJobs } from "./running.ts";

export interface ProcessorOptions {
  pool: Pool;
  clock: DatabaseClock;
  logger: Logger;
  lockLifetimeMs: number;
  pollMs: number;
  /** By `plugin.job`. */
  bindings: ReadonlyMap<string, Binding>;
}

const logFaultEveryMs = 10_000;

export class JobProcessor {
  readonly #options: ProcessorOptions;
  readonly #channel = new LocalChannel();
  readonly #repository: ClaimingRepository;
  readonly #agenda: Agenda;
  readonly #running: RunningJobs;
  readonly #soon = new Map<string, NodeJS.Timeout>();
  #claiming = false;
  #faultLoggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ProcessorOptions) {
    this.#options = options;
    const { pool, clock, bindings, lockLifetimeMs, pollMs } = options;
    const owner = randomUUID();
    const onFault = (error: unknown): void => this.#logFault(error);
    this.#running = new RunningJobs({ pool, owner, lockLifetimeMs, everyMs: pollMs, onFault });
    this.#repository = new ClaimingRepository({
      pool,
      clock,
      owner,
      lockLifetimeMs,
      aheadMs: pollMs,
      claimable: () => (this.#claiming ? [...bindings.keys()] : []),
      soon: (name, ms) => this.#pokeIn(name, ms),
    });
    this.#agenda = new Agenda({
      backend: {
        name: "PostgreSQL",
        repository: this.#repository,
        notificationChannel: this.#channel,
        ownsConnection: false,
        connect: () => Promise.resolve(),
        disconnect: () => Promise.resolve(),
      },
      processEvery: pollMs,
      // Concurrency is a matter of each job: one total would let a busy job keep every place for itself.
      maxConcurrency: 10_000,
    });
    this.#agenda.on("error", onFault);
    this.#agenda.on("complete", (job: Job) => this.#afterRun(job));
  }

  get running(): Pick<RunningJobs, "cancel" | "progress"> {
    return this.#running;
  }

  get claiming(): boolean {
    return this.#claiming;
  }

  async start(): Promise<void> {
    this.#claiming = true;
    for (const name of this.#options.bindings.keys()) this.define(name);
    await this.#agenda.start();
    this.#running.start();
  }

  /** Makes Agenda know a bound job by its present plan. */
  define(name: string): void {
    const plan = this.#options.bindings.get(name)?.plan;
    if (plan === undefined) return;
    this.#agenda.define(name, (job: Job<RunEnvelope>) => this.#run(job), {
      concurrency: plan.concurrency,
      // No more is locked than can run: what is locked ahead and waits too long is lost to Agenda's own accounts.
      lockLimit: plan.concurrency,
      // Agenda leaves a timer of half of this behind each run; the lock's real life is the repository's matter.
      lockLifetime: this.#options.pollMs,
      backoff: ({ jobData }) => retryDelay(jobData as RunEnvelope),
    });
  }

  /** Looks for jobs of this name now. */
  poke(name: string): void {
    if (!this.#claiming) return;
    this.#repository.expect(name);
    this.#channel.poke(name).catch((error: unknown) => this.#logFault(error));
  }

  /** Stops claiming; resolves when nothing runs any more or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.#claiming = false;
    await this.#running.idle(timeoutMs);
    this.#running.stop();
    for (const soon of this.#soon.values()) clearTimeout(soon);
    this.#soon.clear();
    await this.#agenda.stop(false);
  }

  /** Drains, and cuts off what still runs then. */
  async close(): Promise<void> {
    if (this.#claiming) await this.drain(0);
    this.#running.cutOffAll("the server stops");
    await this.#running.idle(2000);
  }

  async #run(job: Job<RunEnvelope>): Promise<void> {
    const { name, _id, data } = job.attrs;
    const binding = this.#options.bindings.get(name);
    if (binding === undefined || !this.#claiming || _id === undefined) {
      data.giveBack = true;
      return;
    }
    const { plan, plugin } = binding;
    data.retries = plan.retries;
    data.backoff = plan.backoff;
    if (data.cancelled === true) throw cancelledBefore();
    if (data.attempt > plan.retries + 1) {
      throw new XcoreError(
        "PLUGIN_CRASHED",
        `the process that ran it ended each of ${data.attempt - 1} times`,
      );
    }
    const signal = this.#running.begin(_id, job);
    const run = {
      id: _id,
      name: plan.name,
      data: data.payload,
      attempt: data.attempt,
      key: keyOf(job.attrs),
      tenant: data.tenant,
      // One that failed is kept as a job of its own, with the key of its occurrence.
      isScheduled: job.attrs.type === "single" || data.key !== undefined,
    };
    try {
      await binding.run(run, signal);
    } catch (error) {
      const fields = {
        plugin,
        job: plan.name,
        id: _id,
        ...whose(data),
        attempt: data.attempt,
        error: messageOf(error),
      };
      if (job.attrs.data.cancelled === true) {
        this.#options.logger.info(fields, "a job was cancelled");
        throw new XcoreError("CALL_CANCELLED", "cancelled while it ran", { cause: error });
      }
      const final = data.attempt > plan.retries;
      if (final) this.#options.logger.error(fields, "a job failed and is not tried again");
      else this.#options.logger.warn(fields, "a job failed and is tried again");
      throw error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  #afterRun(job: Job): void {
    const { name, _id, nextRunAt } = job.attrs;
    this.#running.end(String(_id));
    // Agenda frees the job's place only after this event.
    setImmediate(() => this.poke(name));
    if (nextRunAt instanceof Date) this.#pokeIn(name, nextRunAt.getTime() - Date.now());
  }

  #pokeIn(name: string, ms: number): void {
    if (ms > this.#options.pollMs || this.#soon.has(name) || !this.#claiming) return;
    const timer = setTimeout(() => {
      this.#soon.delete(name);
      this.poke(name);
    }, ms + 1);
    this.#soon.set(name, timer.unref());
  }

  #logFault(error: unknown): void {
    const now = performance.now();
    if (now - this.#faultLoggedAt < logFaultEveryMs) return;
    this.#faultLoggedAt = now;
    this.#options.logger.warn(
      { error: messageOf(error) },
      "jobs: a look at the database failed; looking again",
    );
  }
}

/** When a job that has failed runs again; null when it does not. */
function retryDelay(data: RunEnvelope): number | null {
  const { attempt, retries = 0, backoff, cancelled } = data;
  if (cancelled === true || backoff === undefined || attempt > retries) return null;
  data.retry = true;
  return retryDelayMs(backoff, attempt, Math.random());
}

/** One for all tries of a job, or of an occurrence of a schedule. */
function keyOf({ _id, type, data }: Job<RunEnvelope>["attrs"]): string {
  const id = String(_id);
  return data.key ?? (type === "normal" || data.occurrence == null ? id : `${id}@${data.occurrence}`);
}

function whose({ tenant }: RunEnvelope): { tenant?: string } {
  return tenant === undefined ? {} : { tenant };
}

function cancelledBefore(): XcoreError {
  return new XcoreError("CALL_CANCELLED", "cancelled before it ran again");
}
