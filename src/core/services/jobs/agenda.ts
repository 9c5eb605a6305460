// Background jobs on Agenda, in the database the server has anyway.
import type { Pool } from "pg";
import { Type, type Static } from "typebox";
import type { JobDescription } from "../../../wire/guest-calls.ts";
import type { Json } from "../../../wire/json.ts";
import { messageOf, systemCode, XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { SerialQueues } from "../../base/queue.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { durationPattern, formatSize, parseDuration, parseSize, sizePattern } from "../../base/units.ts";
import type { DatabaseService } from "../database/database.ts";
import { isConnectionFailure, sqlState } from "../database/failures.ts";
import { FullDisk } from "../database/full-disk.ts";
import { checkPool } from "../database/round-trip.ts";
import type { Facade, Health, PluginIdentity, Provider } from "../service.ts";
import { DatabaseClock } from "./database-clock.ts";
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
import { openJobsPool } from "./pool.ts";
import type { Binding, JobProcessor } from "./processor.ts";
import { firstRun, planJobs } from "./schedule.ts";
import { JobStore, type Enqueuer, type NewJob } from "./store.ts";
import { pluginFull, tenantFull, WaitingQuota } from "./waiting-quota.ts";

const duration = (standard: string, least: string) =>
  Type.String({ pattern: durationPattern, default: standard, examples: [least] });

const options = Type.Object(
  {
    /** Jobs that may wait, for each plugin. */
    maxWaiting: Type.Integer({ minimum: 1, maximum: 10_000_000, default: 10_000 }),
    maxData: Type.String({ pattern: sizePattern, default: "64kb", examples: ["64kb"] }),
    /** How long history is kept. */
    keepDone: duration("1d", "1d"),
    keepFailed: duration("14d", "14d"),
    /** And at most this many of each job, done and failed ones counted apart. */
    keepCount: Type.Integer({ minimum: 0, maximum: 10_000_000, default: 10_000 }),
    /** After this long without a sign of life a job's process counts as gone, and the job runs again elsewhere. */
    lockLifetime: duration("30s", "30s"),
  },
  { additionalProperties: false },
);

export const agendaJobs: Provider<Static<typeof options>> = {
  driver: "agenda",
  options,
  needs: ["database"],
  async open({ options: written, needs, logger }) {
    const { connection } = needs["database"] as DatabaseService;
    const pool = await openJobsPool(connection, logger);
    const clock = new DatabaseClock();
    await clock.read(pool);
    return new AgendaJobs({
      pool,
      clock,
      logger,
      maxWaiting: written.maxWaiting,
      maxDataBytes: parseSize(written.maxData) ?? 65_536,
      keep: {
        doneMs: parseDuration(written.keepDone) ?? 86_400_000,
        failedMs: parseDuration(written.keepFailed) ?? 14 * 86_400_000,
        count: written.keepCount,
      },
      lockLifetimeMs: Math.max(parseDuration(written.lockLifetime) ?? 30_000, 1000),
    });
  },
};

interface Settings {
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

class AgendaJobs implements JobsService {
  readonly driver = "agenda";
  readonly tenants = true;
  readonly #settings: Settings;
  readonly #store: JobStore;
  readonly #deskStore: DeskStore;
  readonly #quota: WaitingQuota;
  readonly #tenantQuota: WaitingQuota;
  readonly #bindings = new Map<string, Binding>();
  /** What a revision has announced; its `start` may enqueue before it is bound. */
  readonly #announced = new Map<string, readonly string[]>();
  readonly #disk = new FullDisk();
  readonly #adding = new SerialQueues();
  #processor: JobProcessor | undefined;
  #pruning: NodeJS.Timeout | undefined;

  constructor(settings: Settings) {
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
    this.#announced.set(
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
    await this.#reach(
      this.#store.setSchedules(
        plugin,
        plans.flatMap(({ name, schedule }) =>
          schedule === undefined
            ? []
            : [{ name: `${plugin}.${name}`, firstRunAt: firstRun(schedule, now), ...schedule }],
        ),
      ),
    );
    const bound = new Map(
      plans.map((plan): [string, Binding] => [`${plugin}.${plan.name}`, { plugin, plan, run }]),
    );
    for (const name of this.#namesOf(plugin)) if (!bound.has(name)) this.#bindings.delete(name);
    for (const [name, binding] of bound) {
      this.#bindings.set(name, binding);
      this.#processor?.define(name);
      this.#processor?.poke(name);
    }
    return () => {
      // A binding that has been replaced since is not ours to undo.
      for (const [name, binding] of bound) {
        if (this.#bindings.get(name) === binding) this.#bindings.delete(name);
      }
      if (this.#namesOf(plugin).length === 0) this.#announced.delete(plugin);
      return Promise.resolve();
    };
  }

  unschedule(plugin: string): Promise<void> {
    return this.#reach(this.#store.setSchedules(plugin, []));
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
      bindings: this.#bindings,
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
    return this.#reach(this.#store.counts());
  }

  list(filter: { plugin?: string; state?: JobState; limit: number }): Promise<JobSummary[]> {
    return this.#reach(this.#store.list(filter));
  }

  async enqueue(
    plugin: string,
    name: string,
    data: Json,
    { tenant, lane }: EnqueueOptions = {},
  ): Promise<string> {
    const defined = this.#definedBy(plugin);
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
    await this.#reach(this.#store.spread(name, run.key, tenants));
    this.#processor?.poke(name);
  }

  desk(): JobDesk {
    return jobDesk({
      store: this.#deskStore,
      defined: (plugin) => this.#definedBy(plugin),
      abort: (id) => this.#processor?.running.cancel(id),
      poke: (name) => this.#processor?.poke(name),
      reach: (work) => this.#reach(work),
    });
  }

  forPlugin({ name: plugin }: PluginIdentity): Promise<Facade> {
    return Promise.resolve(
      jobsFacade({
        plugin,
        maxDataBytes: this.#settings.maxDataBytes,
        now: () => this.#settings.clock.now(),
        defined: () => this.#definedBy(plugin).filter((name) => name !== eventJob),
        add: (job, tenant) => this.#add({ plugin, tenant }, job),
        cancel: (id, tenant) => this.#cancel({ plugin, tenant: tenant?.id }, id),
        progress: (id, told, tenant) =>
          this.#processor?.running.progress({ plugin, tenant: tenant?.id }, id, told) ?? false,
      }),
    );
  }

  async removePlugin(plugin: string): Promise<void> {
    await this.#reach(this.#store.removePlugin(plugin));
    this.#quota.forget(plugin);
    this.#quota.forget(queueOf(plugin, `${plugin}.${eventJob}`));
  }

  async removeTenant(tenant: string): Promise<void> {
    await this.#reach(this.#store.removeTenant(tenant));
    this.#tenantQuota.forget(tenant);
  }

  pauseTenant(tenant: string, paused: boolean): Promise<void> {
    return this.#reach(this.#store.pauseTenant(tenant, paused));
  }

  async check(timeoutMs: number): Promise<Health> {
    const state = this.#processor?.claiming === true ? "" : ", not claiming";
    const connected = `Agenda on Postgres, ${this.#bindings.size} jobs${state}`;
    return this.#disk.judge(await checkPool(this.#settings.pool, timeoutMs, connected));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pruning);
    await this.#processor?.close();
    await this.#settings.pool.end();
  }

  async #add(by: { plugin: string; tenant: CallTenant | undefined }, job: NewJob): Promise<string> {
    const { plugin, tenant } = by;
    if (tenant?.maxJobs !== undefined) await this.#reach(this.#tenantQuota.take(tenant.id, tenant.maxJobs));
    await this.#reach(this.#quota.take(queueOf(plugin, job.name), this.#settings.maxWaiting));
    const id = await this.#reach(this.#store.add(job, tenant?.id));
    if (job.runAt <= this.#settings.clock.now()) this.#processor?.poke(job.name);
    return id;
  }

  async #cancel(by: Enqueuer, id: string): Promise<boolean> {
    const outcome = await this.#reach(this.#deskStore.cancel(id, by));
    if (outcome === "running") this.#processor?.running.cancel(id);
    return outcome !== null;
  }

  #namesOf(plugin: string): string[] {
    return [...this.#bindings.keys()].filter((name) => name.startsWith(`${plugin}.`));
  }

  #definedBy(plugin: string): readonly string[] {
    const bound = this.#namesOf(plugin).map((name) => name.slice(plugin.length + 1));
    return [...new Set([...bound, ...(this.#announced.get(plugin) ?? [])])];
  }

  async #reach<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof XcoreError) throw error;
      // SQLSTATE class 22: the value itself; checked nowhere else, since only Postgres knows what it can keep.
      if (/^22...$/.test(systemCode(error) ?? "")) {
        throw new XcoreError("INPUT_INVALID", `jobs: Postgres can't keep this data: ${messageOf(error)}`, {
          hint: "Texts must not hold a null character or half a surrogate pair.",
          cause: error,
        });
      }
      this.#disk.note(error);
      // Postgres' words on these name files and addresses of the host, and this may go to a plugin.
      const hidden = isConnectionFailure(error) || sqlState(error)?.startsWith("53") === true;
      const what = hidden ? "is not available" : `failed: ${messageOf(error)}`;
      throw new XcoreError("SERVICE_UNAVAILABLE", `jobs: the database ${what}`, {
        hint: "Look at xcore status; the call can be tried again.",
        cause: error,
      });
    }
  }
}
