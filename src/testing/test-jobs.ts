// The jobs service of a test: keeps what is enqueued, runs a job when the test says so.
import { randomUUID } from "node:crypto";
import type { JobDescription } from "../wire/guest-calls.ts";
import type { Json } from "../wire/json.ts";
import type { Facade, Health, PluginIdentity } from "../core/services/service.ts";
import { eventJob } from "../core/services/jobs/event-job.ts";
import { jobsFacade, unknownJob } from "../core/services/jobs/facade.ts";
import { XcoreError } from "../core/base/error.ts";
import type { ClaimedRun, JobCounts, JobDesk, JobsService, JobSummary } from "../core/services/jobs/jobs.ts";
import { planJobs } from "../core/services/jobs/schedule.ts";

export interface EnqueuedJob {
  id: string;
  name: string;
  data: Json;
  runAt: Date;
  priority: number;
  unique: string | undefined;
}

type Run = (job: ClaimedRun, signal: AbortSignal) => Promise<Json>;

const maxDataBytes = 64 * 1024;

export class TestJobs implements JobsService {
  readonly driver = "testing";
  readonly enqueued: EnqueuedJob[] = [];
  #plugin = "";
  #defined: readonly string[] = [];
  #run: Run | undefined;

  validate(plugin: string, jobs: Readonly<Record<string, JobDescription>>): void {
    this.#plugin = plugin;
    this.#defined = planJobs(plugin, jobs).map((plan) => plan.name);
  }

  bind(
    plugin: string,
    jobs: Readonly<Record<string, JobDescription>>,
    run: Run,
  ): Promise<() => Promise<void>> {
    this.validate(plugin, jobs);
    this.#run = run;
    return Promise.resolve(() => Promise.resolve());
  }

  unschedule(): Promise<void> {
    return Promise.resolve();
  }

  async runNow(name: string, data: Json): Promise<Json> {
    if (this.#run === undefined || !this.#defined.includes(name)) {
      throw unknownJob(this.#plugin, name, this.#defined);
    }
    const id = randomUUID();
    const run = { id, name, data, attempt: 1, key: id, tenant: undefined, isScheduled: false };
    return this.#run(run, new AbortController().signal);
  }

  forPlugin(plugin: PluginIdentity): Promise<Facade> {
    return Promise.resolve(
      jobsFacade({
        plugin: plugin.name,
        maxDataBytes,
        now: () => new Date(),
        defined: () => this.#defined.filter((name) => name !== eventJob),
        add: (job) => {
          const waiting = this.enqueued.find((one) => one.unique !== undefined && one.unique === job.unique);
          if (waiting !== undefined) return Promise.resolve(waiting.id);
          const id = randomUUID();
          const name = job.name.slice(plugin.name.length + 1);
          const { payload: data, runAt, priority, unique } = job;
          this.enqueued.push({ id, name, data, runAt, priority, unique });
          return Promise.resolve(id);
        },
        cancel: (id) => {
          const at = this.enqueued.findIndex((job) => job.id === id);
          if (at !== -1) this.enqueued.splice(at, 1);
          return Promise.resolve(at !== -1);
        },
        progress: () => true,
      }),
    );
  }

  start(): Promise<void> {
    return Promise.resolve();
  }

  drain(): Promise<void> {
    return Promise.resolve();
  }

  counts(): Promise<JobCounts> {
    return Promise.resolve({ waiting: this.enqueued.length, running: 0, failed: 0 });
  }

  list(): Promise<JobSummary[]> {
    return Promise.resolve([]);
  }

  async enqueue(_plugin: string, name: string, data: Json): Promise<string> {
    await this.runNow(name, data);
    return randomUUID();
  }

  spread(): Promise<void> {
    return Promise.resolve();
  }

  desk(): JobDesk {
    throw new XcoreError("NOT_FOUND", "a plugin under test has no desk: its jobs are not kept");
  }

  check(): Promise<Health> {
    return Promise.resolve({ ok: true, latencyMs: 0, detail: "in memory" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
