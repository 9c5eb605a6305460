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
    const { rows } = await pool.query<{ now: number }>(`SELECT ${databaseNow} AS now`);
    if (rows[0] !== undefined) this.set(rows[0].now);
  }

  /** `ms`: what the database has just said. */
  set(ms: number): void {
    this.#readMs = ms;
    this.#readAt = performance.now();
  }

  now(): Date {
    return new Date(this.#readMs + performance.now() - this.#readAt);
  }

  /** A moment that was read off this machine's wall clock just now, by the database's clock. */
  at<Moment extends Date | undefined | null>(local: Moment): Moment | Date {
    return local instanceof Date ? new Date(this.now().getTime() + local.getTime() - Date.now()) : local;
  }
}
