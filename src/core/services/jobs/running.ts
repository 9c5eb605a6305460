// The jobs that run in this process: signs of life, their progress, and who asked for their end.
import type { Job } from "agenda";
import type { Pool } from "pg";
import { XcoreError } from "../../base/error.ts";
import type { RunEnvelope } from "./repository.ts";
import type { Enqueuer } from "./store.ts";

export interface RunningOptions {
  pool: Pool;
  /** Names this process, on its locks. */
  owner: string;
  lockLifetimeMs: number;
  /** How often progress is written and cancellations are looked for. */
  everyMs: number;
  onFault: (error: unknown) => void;
}

interface Running {
  readonly job: Job<RunEnvelope>;
  readonly controller: AbortController;
  readonly ended: PromiseWithResolvers<void>;
  /** Its progress has changed since it was written. */
  told: boolean;
}

export class RunningJobs {
  readonly #options: RunningOptions;
  readonly #running = new Map<string, Running>();
  readonly #timers: NodeJS.Timeout[] = [];

  constructor(options: RunningOptions) {
    this.#options = options;
  }

  start(): void {
    const { lockLifetimeMs, everyMs, onFault } = this.#options;
    const every = (ms: number, work: (ids: string[]) => Promise<void>): void => {
      const timer = setInterval(() => {
        const ids = [...this.#running.keys()];
        if (ids.length > 0) work(ids).catch(onFault);
      }, ms);
      this.#timers.push(timer.unref());
    };
    every(lockLifetimeMs / 3, (ids) => this.#renew(ids));
    every(everyMs, async (ids) => {
      await this.#tell();
      await this.#hearCancellations(ids);
    });
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  /** The signal fires when the job is to end. */
  begin(id: string, job: Job<RunEnvelope>): AbortSignal {
    const controller = new AbortController();
    this.#running.set(id, { job, controller, ended: Promise.withResolvers(), told: false });
    return controller.signal;
  }

  end(id: string): void {
    this.#running.get(id)?.ended.resolve();
    this.#running.delete(id);
  }

  /** Ends the job for good, if it runs here. */
  cancel(id: string): void {
    const running = this.#running.get(id);
    if (running === undefined || running.controller.signal.aborted) return;
    running.job.attrs.data.cancelled = true;
    running.controller.abort(cutOff("it was cancelled"));
  }

  cutOffAll(why: string): void {
    for (const { controller } of this.#running.values()) controller.abort(cutOff(why));
  }

  /** Keeps how far it is, to be written with the next look. False when no such job that was enqueued so runs here. */
  progress(by: Enqueuer, id: string, told: { progress: number; note: string | undefined }): boolean {
    const running = this.#running.get(id);
    if (running === undefined || !running.job.attrs.name.startsWith(`${by.plugin}.`)) return false;
    if (running.job.attrs.data.tenant !== by.tenant) return false;
    running.job.attrs.progress = told.progress;
    if (told.note !== undefined) running.job.attrs.data.note = told.note;
    running.told = true;
    return true;
  }

  /** Resolves when what runs now has ended, or after `timeoutMs`. */
  async idle(timeoutMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    await Promise.race([Promise.all([...this.#running.values()].map(({ ended }) => ended.promise)), promise]);
    clearTimeout(timer);
  }

  async #renew(ids: string[]): Promise<void> {
    const { rows } = await this.#options.pool.query<{ id: string }>(
      `UPDATE jobs SET locked_at = now()
       WHERE id = ANY($1::uuid[]) AND last_modified_by = $2 AND locked_at IS NOT NULL RETURNING id`,
      [ids, this.#options.owner],
    );
    const ours = new Set(rows.map((row) => row.id));
    for (const id of ids) {
      if (!ours.has(id)) this.#running.get(id)?.controller.abort(cutOff("another process has taken it over"));
    }
  }

  async #tell(): Promise<void> {
    const told = [...this.#running].filter(([, running]) => running.told);
    if (told.length === 0) return;
    for (const [, running] of told) running.told = false;
    await this.#options.pool.query(
      `UPDATE jobs SET progress = told.progress, progress_note = told.note
       FROM unnest($1::uuid[], $2::real[], $3::text[]) AS told (id, progress, note)
       WHERE jobs.id = told.id AND last_modified_by = $4 AND locked_at IS NOT NULL`,
      [
        told.map(([id]) => id),
        told.map(([, { job }]) => job.attrs.progress ?? null),
        told.map(([, { job }]) => job.attrs.data.note ?? null),
        this.#options.owner,
      ],
    );
  }

  async #hearCancellations(ids: string[]): Promise<void> {
    const { rows } = await this.#options.pool.query<{ id: string }>(
      `SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND cancelled`,
      [ids],
    );
    for (const { id } of rows) this.cancel(id);
  }
}

function cutOff(why: string): XcoreError {
  return new XcoreError("CALL_CANCELLED", `the job was cut off: ${why}`);
}
