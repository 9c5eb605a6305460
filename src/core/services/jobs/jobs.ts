// The jobs service as the rest of the core sees it.
import type { JobDescription, JobRun } from "../../../wire/guest-calls.ts";
import type { Json } from "../../../wire/json.ts";
import type { CallTenant } from "../../base/tenant.ts";
import type { Service } from "../service.ts";

/** A run as the core is told it; the plugin is told what is in `JobRun`. */
export interface ClaimedRun extends JobRun {
  /** Whom it was enqueued for. */
  readonly tenant: string | undefined;
  /** It is an occurrence of a schedule. */
  readonly isScheduled: boolean;
}

export interface JobCounts {
  waiting: number;
  running: number;
  failed: number;
}

export const jobStates = [
  "running",
  "waiting",
  "scheduled",
  "paused",
  "failed",
  "cancelled",
  "done",
] as const;

/** `waiting`: due. `scheduled`: later. `paused`: its turn would come or has, but its job is paused. */
export type JobState = (typeof jobStates)[number];

export interface JobSummary {
  id: string;
  plugin: string;
  name: string;
  /** Whom it runs for; null: for no tenant. */
  tenant: string | null;
  state: JobState;
  /** Runs that were begun. */
  attempt: number;
  /** 0 to 1, as the handler last said; null when it said nothing. */
  progress: number | null;
  note: string | null;
  nextRunAt: string | null;
  lastRunAt: string | null;
  error: string | null;
}

export interface JobDetail extends JobSummary {
  /** The idempotency key of its runs; null for a schedule, whose occurrences have one each. */
  key: string | null;
  data: Json;
  priority: number;
  unique: string | null;
  createdAt: string;
  finishedAt: string | null;
  /** The last sign of life of the process that runs it. */
  heartbeatAt: string | null;
}

export interface JobSchedule {
  plugin: string;
  name: string;
  /** `1 hour`, or a cron expression. */
  schedule: string;
  timezone: string | null;
  nextRunAt: string;
  lastRunAt: string | null;
  paused: boolean;
  /** Why its last run failed. */
  error: string | null;
}

/** What people do with jobs. `id` may be its beginning, four characters or more, as long as only one job has it. */
export interface JobDesk {
  show(id: string): Promise<JobDetail>;
  /**
   * One that waits ends at once; the handler of one that runs is told, wherever it runs, and it is not tried again.
   * `JOB_STATE` when it has ended or is a schedule that does not run.
   */
  cancel(id: string): Promise<JobDetail>;
  /** Has one that failed or was cancelled run again, with the key it had. `JOB_STATE` for any other. */
  retry(id: string): Promise<JobDetail>;
  /** Runs of this job begin no more, on any server of this database, until it is resumed; what runs goes on. */
  pause(plugin: string, name: string): Promise<void>;
  resume(plugin: string, name: string): Promise<void>;
  schedules(plugin: string | undefined): Promise<JobSchedule[]>;
}

export interface EnqueueOptions {
  tenant?: CallTenant | undefined;
  /**
   * Jobs of one name, lane and tenant run one at a time, in the order of the calls, on whatever server: the next one begins
   * when the one before is done, cancelled or dead. Those of different lanes run side by side.
   */
  lane?: string | undefined;
}

export interface JobsService extends Service {
  /** Checks the descriptions of a revision without changing anything; throws `PLUGIN_DEFINITION` naming job and fault. */
  validate(plugin: string, jobs: Readonly<Record<string, JobDescription>>): void;
  /**
   * Makes `run` the handler of a plugin's jobs and sets its schedules to exactly those described: schedules that are gone are removed.
   * Binding again replaces (reload). Returns the undo: afterwards nothing of it is claimed here any more; waiting one-off jobs stay.
   * The undo of a binding that was replaced does nothing.
   */
  bind(
    plugin: string,
    jobs: Readonly<Record<string, JobDescription>>,
    run: (job: ClaimedRun, signal: AbortSignal) => Promise<Json>,
  ): Promise<() => Promise<void>>;
  /** Removes the schedules of a plugin that is unloaded. A server that stops leaves them: others go on, and it comes back. */
  unschedule(plugin: string): Promise<void>;
  /** Begins claiming; called once every plugin is bound. */
  start(): Promise<void>;
  /** Stops claiming and waits until running jobs are done or `timeoutMs` is over. */
  drain(timeoutMs: number): Promise<void>;
  counts(): Promise<JobCounts>;
  list(filter: { plugin?: string; state?: JobState; limit: number }): Promise<JobSummary[]>;
  /** Runs a defined job now; returns the new job's id. */
  enqueue(plugin: string, name: string, data: Json, options?: EnqueueOptions): Promise<string>;
  /** Enqueues a scheduled run once for each of these tenants; doing it again adds only what is missing. */
  spread(plugin: string, run: ClaimedRun, tenants: readonly string[]): Promise<void>;
  desk(): JobDesk;
}
