// The jobs service on Agenda: what plugins bind and enqueue, what may wait, and when it is run.
import type { Pool } from "pg";
import type { JobDescription } from "../../../wire/guest-calls.ts";
import type { Json } from "../../../wire/json.ts";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { SerialQueues } from "../../base/queue.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { formatSize } from "../../base/units.ts";
import { checkPool } from "../database/round-trip.ts";
import type { Facade, Health, PluginIdentity } from "../service.ts";
import { Bindings } from "./bindings.ts";
import type { DatabaseClock } from "./database-clock.ts";
import { DatabaseReach } from "./database-reach.ts";
import { jobDesk } from "./desk.ts";
import { DeskStore } from "./desk-store.ts";
import { eventJob, queueOf } from "./event-job.ts";
import { jobsFacade, unknownJob } from "./facade.ts";
import { pruneHistory, type Keep } from "./history.ts";
import type {
  ClaimedRun,
  EnqueueOptions,
  JobCounts,
  JobDesk,
  JobsService,
  JobState,
  JobSummary,
} from "./jobs.ts";
import { freeLanes, laneOf } from "./lane.ts";
import type { JobProcessor } from "./processor.ts";
import { firstRun, planJobs } from "./schedule.ts";
import { JobStore, type Enqueuer, type NewJob } from "./store.ts";
import { pluginFull, tenantFull, WaitingQuota } from "./waiting-quota.ts";

export interface AgendaSettings {
  pool: Pool;
  clock: DatabaseClock;
  logger: Logger;
  maxWaiting: number;
  maxDataBytes: number;
  keep: Keep;
  lockLifetimeMs: number;
}

const pollMs = 1000;
const pruneEveryMs = 60_000;

export class AgendaJobs implements JobsService {
  readonly driver = "agenda";
  readonly tenants = true;
  readonly #settings: AgendaSettings;
  readonly #store: JobStore;
  readonly #deskStore: DeskStore;
  readonly #quota: WaitingQuota;
  readonly #tenantQuota: WaitingQuota;
  readonly #bindings = new Bindings();
  readonly #reach = new DatabaseReach();
  readonly #adding = new SerialQueues();
  #processor: JobProcessor | undefined;
  #pruning: NodeJS.Timeout | undefined;

  constructor(settings: AgendaSettings) {
    this.#settings = settings;
    this.#store = new JobStore(settings.pool);
    this.#deskStore = new DeskStore(settings.pool);
    this.#quota = new WaitingQuota(pluginFull, (queue, most) => this.#store.countWaiting(queue, most));
    this.#tenantQuota = new WaitingQuota(tenantFull, (tenant, most) =>
      this.#store.countWaitingOf(tenant, most),
    );
  }

  validate(plugin: string, jobs: Readonly<Record<string, JobDescription>>): void {
    const plans = planJobs(plugin, jobs);
    this.#bindings.announce(
      plugin,
      plans.map((plan) => plan.name),
    );
  }

  async bind(
    plugin: string,
    jobs: Readonly<Record<string, JobDescription>>,
    run: (job: ClaimedRun, signal: AbortSignal) => Promise<Json>,
  ): Promise<() => Promise<void>> {
    const plans = planJobs(plugin, jobs);
    const now = this.#settings.clock.now();
    await this.#reach.run(
      this.#store.setSchedules(
        plugin,
        plans.flatMap(({ name, schedule }) =>
          schedule === undefined
            ? []
            : [{ name: `${plugin}.${name}`, firstRunAt: firstRun(schedule, now), ...schedule }],
        ),
      ),
    );
    const { names, unbind } = this.#bindings.bind(plugin, plans, run);
    for (const name of names) {
      this.#processor?.define(name);
      this.#processor?.poke(name);
    }
    return () => {
      unbind();
      return Promise.resolve();
    };
  }

  unschedule(plugin: string): Promise<void> {
    return this.#reach.run(this.#store.setSchedules(plugin, []));
  }

  async start(): Promise<void> {
    if (this.#processor !== undefined) return;
    const { pool, clock, logger, lockLifetimeMs, keep } = this.#settings;
    const { JobProcessor } = await import("./processor.ts");
    this.#processor = new JobProcessor({
      pool,
      clock,
      logger,
      lockLifetimeMs,
      pollMs,
      bindings: this.#bindings.all,
    });
    await this.#processor.start();
    const prune = (): void => {
      Promise.all([pruneHistory(pool, keep), freeLanes(pool)]).catch((error: unknown) =>
        logger.debug({ error: messageOf(error) }, "pruning failed"),
      );
    };
    this.#pruning = setInterval(prune, pruneEveryMs).unref();
  }

  async drain(timeoutMs: number): Promise<void> {
    await this.#processor?.drain(timeoutMs);
  }

  counts(): Promise<JobCounts> {
    return this.#reach.run(this.#store.counts());
  }

  list(filter: { plugin?: string; state?: JobState; limit: number }): Promise<JobSummary[]> {
    return this.#reach.run(this.#store.list(filter));
  }

  async enqueue(
    plugin: string,
    name: string,
    data: Json,
    { tenant, lane }: EnqueueOptions = {},
  ): Promise<string> {
    const defined = this.#bindings.definedBy(plugin);
    // An event is kept for a plugin that is away as well.
    if (name !== eventJob && !defined.includes(name)) throw unknownJob(plugin, name, defined);
    const bytes = Buffer.byteLength(JSON.stringify(data ?? null));
    const { maxDataBytes } = this.#settings;
    if (bytes > maxDataBytes) {
      throw new XcoreError(
        "QUOTA_EXCEEDED",
        `the data is ${formatSize(bytes)}; at most ${formatSize(maxDataBytes)}`,
      );
    }
    const job = {
      name: `${plugin}.${name}`,
      payload: data ?? null,
      runAt: this.#settings.clock.now(),
      priority: 0,
    };
    const add = (): Promise<string> => this.#add({ plugin, tenant }, { ...job, unique: undefined, lane });
    // On several connections calls that do not wait for each other would overtake each other.
    return lane === undefined ? add() : this.#adding.run(`${job.name} ${laneOf(lane, tenant?.id)}`, add);
  }

  async spread(plugin: string, run: ClaimedRun, tenants: readonly string[]): Promise<void> {
    const name = `${plugin}.${run.name}`;
    await this.#reach.run(this.#store.spread(name, run.key, tenants));
    this.#processor?.poke(name);
  }

  desk(): JobDesk {
    return jobDesk({
      store: this.#deskStore,
      defined: (plugin) => this.#bindings.definedBy(plugin),
      abort: (id) => this.#processor?.running.cancel(id),
      poke: (name) => this.#processor?.poke(name),
      reach: (work) => this.#reach.run(work),
    });
  }

  forPlugin({ name: plugin }: PluginIdentity): Promise<Facade> {
    return Promise.resolve(
      jobsFacade({
        plugin,
        maxDataBytes: this.#settings.maxDataBytes,
        now: () => this.#settings.clock.now(),
        defined: () => this.#bindings.definedBy(plugin).filter((name) => name !== eventJob),
        add: (job, tenant) => this.#add({ plugin, tenant }, job),
        cancel: (id, tenant) => this.#cancel({ plugin, tenant: tenant?.id }, id),
        progress: (id, told, tenant) =>
          this.#processor?.running.progress({ plugin, tenant: tenant?.id }, id, told) ?? false,
      }),
    );
  }

  async removePlugin(plugin: string): Promise<void> {
    await this.#reach.run(this.#store.removePlugin(plugin));
    this.#quota.forget(plugin);
    this.#quota.forget(queueOf(plugin, `${plugin}.${eventJob}`));
  }

  async removeTenant(tenant: string): Promise<void> {
    await this.#reach.run(this.#store.removeTenant(tenant));
    this.#tenantQuota.forget(tenant);
  }

  pauseTenant(tenant: string, paused: boolean): Promise<void> {
    return this.#reach.run(this.#store.pauseTenant(tenant, paused));
  }

  async check(timeoutMs: number): Promise<Health> {
    const state = this.#processor?.claiming === true ? "" : ", not claiming";
    const { size } = this.#bindings.all;
    const connected = `Agenda on Postgres, ${size} ${size === 1 ? "job" : "jobs"}${state}`;
    return this.#reach.judge(await checkPool(this.#settings.pool, timeoutMs, connected));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pruning);
    await this.#processor?.close();
    await this.#settings.pool.end();
  }

  async #add(by: { plugin: string; tenant: CallTenant | undefined }, job: NewJob): Promise<string> {
    const { plugin, tenant } = by;
    if (tenant?.maxJobs !== undefined)
      await this.#reach.run(this.#tenantQuota.take(tenant.id, tenant.maxJobs));
    await this.#reach.run(this.#quota.take(queueOf(plugin, job.name), this.#settings.maxWaiting));
    const id = await this.#reach.run(this.#store.add(job, tenant?.id));
    if (job.runAt <= this.#settings.clock.now()) this.#processor?.poke(job.name);
    return id;
  }

  async #cancel(by: Enqueuer, id: string): Promise<boolean> {
    const outcome = await this.#reach.run(this.#deskStore.cancel(id, by));
    if (outcome === "running") this.#processor?.running.cancel(id);
    return outcome !== null;
  }
}
