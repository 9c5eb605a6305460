// What time it is for jobs: the database's clock, carried on by this process' monotonic one. The machine's own wall clock may
// be wrong, or jump: a job would then run an hour late, or a schedule again and again.
import type { Pool } from "pg";

/** Milliseconds of the database's clock; as a column of any statement. */
export const databaseNow = "extract(epoch FROM clock_timestamp())::float8 * 1000";

export class DatabaseClock {
  #readMs = Date.now();
  #readAt = performance.now();

  /** Sets the clock by the database. */
  async read(pool: Pool): Promise<void> {
    const asked = performance.now();
    const { rows } = await pool.query<{ now: number }>(`SELECT ${databaseNow} AS now`);
    if (rows[0] !== undefined) this.set(rows[0].now, asked);
  }

  /**
   * `ms`: what the database has just said; `asked`: when it was asked, by `performance.now()`. It read its clock somewhere
   * between the two, so now it is at least `ms` there and at most that and the time the answer took: a clock that already
   * shows a moment in between is not made worse by a slow answer.
   */
  set(ms: number, asked: number): void {
    const at = performance.now();
    const shown = this.#readMs + at - this.#readAt;
    this.#readMs = Math.min(Math.max(shown, ms), ms + at - asked);
    this.#readAt = at;
  }

  now(): Date {
    return new Date(this.#readMs + performance.now() - this.#readAt);
  }

  /** A moment that was read off this machine's wall clock just now, by the database's clock. */
  at<Moment extends Date | undefined | null>(local: Moment): Moment | Date {
    return local instanceof Date ? new Date(this.now().getTime() + local.getTime() - Date.now()) : local;
  }
}
