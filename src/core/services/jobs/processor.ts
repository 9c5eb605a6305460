// Agenda at work: claims due jobs of what is bound, runs them under a lock that is kept alive, tries failed ones again.
import { randomUUID } from "node:crypto";
import { Agenda, type Job } from "agenda";
import type { Pool } from "pg";
import type { JobRun } from "../../../wire/guest-calls.ts";
import type { Json } from "../../../wire/json.ts";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { LocalChannel } from "./channel.ts";
import { ClaimingRepository, type RunEnvelope } from "./repository.ts";
import type { JobPlan } from "./schedule.ts";

/** A job that is handled here. */
export interface Binding {
  readonly plugin: string;
  readonly plan: JobPlan;
  readonly run: (job: JobRun, signal: AbortSignal) => Promise<Json>;
}

export interface ProcessorOptions {
  pool: Pool;
  logger: Logger;
  lockLifetimeMs: number;
  pollMs: number;
  /** By `plugin.job`. */
  bindings: ReadonlyMap<string, Binding>;
}

interface Running {
  controller: AbortController;
  ended: PromiseWithResolvers<void>;
}

const firstRetryMs = 1000;
const maxRetryMs = 600_000;
const logFaultEveryMs = 10_000;

export class JobProcessor {
  readonly #options: ProcessorOptions;
  readonly #channel = new LocalChannel();
  readonly #repository: ClaimingRepository;
  readonly #agenda: Agenda;
  readonly #running = new Map<string, Running>();
  readonly #soon = new Map<string, NodeJS.Timeout>();
  #heartbeat: NodeJS.Timeout | undefined;
  #claiming = false;
  #faultLoggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: ProcessorOptions) {
    this.#options = options;
    const { pool, bindings, lockLifetimeMs, pollMs } = options;
    this.#repository = new ClaimingRepository({
      pool,
      owner: randomUUID(),
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
    this.#agenda.on("error", (error: unknown) => this.#logFault(error));
    this.#agenda.on("complete", (job: Job) => this.#afterRun(job));
  }

  get claiming(): boolean {
    return this.#claiming;
  }

  async start(): Promise<void> {
    this.#claiming = true;
    for (const name of this.#options.bindings.keys()) this.define(name);
    await this.#agenda.start();
    const heartbeat = setInterval(() => void this.#renew(), this.#options.lockLifetimeMs / 3);
    this.#heartbeat = heartbeat.unref();
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
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([Promise.all([...this.#running.values()].map(({ ended }) => ended.promise)), promise]);
    clearTimeout(timer);
    clearInterval(this.#heartbeat);
    for (const soon of this.#soon.values()) clearTimeout(soon);
    this.#soon.clear();
    await this.#agenda.stop(false);
  }

  /** Drains, and cuts off what still runs then. */
  async close(): Promise<void> {
    if (this.#claiming) await this.drain(0);
    for (const { controller } of this.#running.values()) controller.abort(cutOff("the server stops"));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, 2000);
    await Promise.race([Promise.all([...this.#running.values()].map(({ ended }) => ended.promise)), promise]);
    clearTimeout(timer);
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
    if (data.attempt > plan.retries + 1) {
      throw new XcoreError(
        "PLUGIN_CRASHED",
        `the process that ran it ended each of ${data.attempt - 1} times`,
      );
    }
    const controller = new AbortController();
    this.#running.set(_id, { controller, ended: Promise.withResolvers() });
    const key = data.occurrence == null || job.attrs.type === "normal" ? _id : `${_id}@${data.occurrence}`;
    const run = { id: _id, name: plan.name, data: data.payload, attempt: data.attempt, key };
    try {
      await binding.run(run, controller.signal);
    } catch (error) {
      const final = data.attempt > plan.retries;
      const fields = { plugin, job: plan.name, id: _id, attempt: data.attempt, error: messageOf(error) };
      if (final) this.#options.logger.error(fields, "a job failed and is not tried again");
      else this.#options.logger.warn(fields, "a job failed and is tried again");
      throw error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  #afterRun(job: Job): void {
    const { name, _id, nextRunAt } = job.attrs;
    const id = String(_id);
    this.#running.get(id)?.ended.resolve();
    this.#running.delete(id);
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

  async #renew(): Promise<void> {
    const ids = [...this.#running.keys()];
    if (ids.length === 0) return;
    try {
      const ours = new Set(await this.#repository.renew(ids));
      for (const id of ids) {
        if (!ours.has(id))
          this.#running.get(id)?.controller.abort(cutOff("another process has taken it over"));
      }
    } catch (error) {
      this.#logFault(error);
    }
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
  if (data.attempt > (data.retries ?? 0)) return null;
  data.retry = true;
  const delayMs = Math.min(firstRetryMs * 2 ** (data.attempt - 1), maxRetryMs);
  return Math.round(delayMs * (0.8 + Math.random() * 0.4));
}

function cutOff(why: string): XcoreError {
  return new XcoreError("CALL_CANCELLED", `the job was cut off: ${why}`);
}
