// Which migrations of a plugin (or, under the empty name, of the application) were applied: a table of the core, out of
// every plugin's reach. A plugin's migration runs in a transaction of its own role, so the row and the migration can't be
// committed as one: the row holds that transaction's number, which tells after a crash how it ended.
import type { Pool } from "pg";
import { sleep } from "../base/deadline.ts";
import { XcoreError } from "../base/error.ts";

export interface Applied {
  readonly name: string;
  readonly checksum: string;
  readonly appliedAt: string;
}

interface LedgerRow {
  name: string;
  checksum: string;
  state: "applying" | "applied" | "removing";
  xid: string;
  applied_at: Date;
}

export class Ledger {
  readonly #pool: Pool;
  readonly #owner: string;

  constructor(pool: Pool, owner: string) {
    this.#pool = pool;
    this.#owner = owner;
  }

  /** What is applied, in the order it was. Steps that a crash left open count by how their transaction ended. */
  async applied(): Promise<Applied[]> {
    const { rows } = await this.#pool.query<LedgerRow>(
      "select name, checksum, state, xid, applied_at from xcore.migrations where plugin = $1 order by applied_at, name",
      [this.#owner],
    );
    const applied: Applied[] = [];
    for (const row of rows) {
      const there =
        row.state === "applied" || (await this.#committed(row.xid)) === (row.state === "applying");
      if (there) {
        applied.push({ name: row.name, checksum: row.checksum, appliedAt: row.applied_at.toISOString() });
      }
    }
    return applied;
  }

  /** Settles what a crash left open; call it under the lock, before anything is run. */
  async settle(): Promise<void> {
    const { rows } = await this.#pool.query<LedgerRow>(
      "select name, state, xid from xcore.migrations where plugin = $1 and state <> 'applied'",
      [this.#owner],
    );
    for (const row of rows) {
      const there = (await this.#committed(row.xid)) === (row.state === "applying");
      if (there) await this.confirm(row.name);
      else await this.remove(row.name);
    }
  }

  /** Before the migration's own transaction commits. */
  async announce(step: { name: string; checksum: string; xid: string }): Promise<void> {
    await this.#pool.query(
      `insert into xcore.migrations (plugin, name, checksum, state, xid, applied_at)
       values ($1, $2, $3, 'applying', $4, clock_timestamp())`,
      [this.#owner, step.name, step.checksum, step.xid],
    );
  }

  async announceRemoval(name: string, xid: string): Promise<void> {
    await this.#pool.query(
      "update xcore.migrations set state = 'removing', xid = $3 where plugin = $1 and name = $2",
      [this.#owner, name, xid],
    );
  }

  async confirm(name: string): Promise<void> {
    await this.#pool.query("update xcore.migrations set state = 'applied' where plugin = $1 and name = $2", [
      this.#owner,
      name,
    ]);
  }

  async remove(name: string): Promise<void> {
    await this.#pool.query("delete from xcore.migrations where plugin = $1 and name = $2", [
      this.#owner,
      name,
    ]);
  }

  /** Writes down what somebody else has applied already. */
  async record(name: string, checksum: string): Promise<void> {
    await this.#pool.query(
      `insert into xcore.migrations (plugin, name, checksum, state, xid) values ($1, $2, $3, 'applied', '')
       on conflict (plugin, name) do update set checksum = excluded.checksum`,
      [this.#owner, name, checksum],
    );
  }

  async #committed(xid: string): Promise<boolean> {
    for (let tries = 0; tries < 200; tries += 1) {
      const { rows } = await this.#pool.query<{ status: string | null }>(
        "select pg_xact_status($1::xid8) as status",
        [xid],
      );
      const status = rows[0]?.status ?? null;
      if (status !== "in progress") return status === "committed";
      await sleep(50);
    }
    throw new XcoreError("LOCKED", `a migration that was interrupted is still running (transaction ${xid})`, {
      hint: "Wait until it has ended, or end it: select pg_terminate_backend(pid) from pg_stat_activity.",
    });
  }
}
