// The jobs service as the rest of the core sees it.
import type { JobDescription, JobRun } from "../../../wire/guest-calls.ts";
import type { Json } from "../../../wire/json.ts";
import type { Service } from "../service.ts";

export interface JobCounts {
  waiting: number;
  running: number;
  failed: number;
}

export interface JobSummary {
  id: string;
  plugin: string;
  name: string;
  state: "scheduled" | "waiting" | "running" | "failed" | "done";
  attempt: number;
  nextRunAt: string | null;
  lastRunAt: string | null;
  error: string | null;
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
    run: (job: JobRun, signal: AbortSignal) => Promise<Json>,
  ): Promise<() => Promise<void>>;
  /** Begins claiming; called once every plugin is bound. */
  start(): Promise<void>;
  /** Stops claiming and waits until running jobs are done or `timeoutMs` is over. */
  drain(timeoutMs: number): Promise<void>;
  counts(): Promise<JobCounts>;
  list(filter: { plugin?: string; state?: JobSummary["state"]; limit: number }): Promise<JobSummary[]>;
  /** Runs a defined job now; returns the new job's id. */
  enqueue(plugin: string, name: string, data: Json): Promise<string>;
}
