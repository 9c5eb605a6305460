// The open transactions of one revision of a plugin: each pinned to a connection, each with an end of its own.
import { XcoreError } from "../../base/error.ts";
import { formatDuration } from "../../base/units.ts";
import type { HostCallContext } from "../service.ts";
import type { QueryResult } from "./capped-query.ts";
import type { PluginPool } from "./plugin-pool.ts";
import type { Session, Statement } from "./session.ts";

interface Transaction {
  session: Session;
  release: () => void;
}

export const isolationLevels = ["read committed", "repeatable read", "serializable"] as const;

const rememberedEnds = 200;

export class Transactions {
  readonly #pool: PluginPool;
  readonly #open = new Map<number, Transaction>();
  /** Why the last ones ended that their owner did not end. */
  readonly #ended = new Map<number, string>();
  #last = 0;

  constructor(pool: PluginPool) {
    this.#pool = pool;
  }

  /** `context` is the call that began it: when that call is over or cancelled, the transaction is rolled back. */
  async begin(
    isolation: (typeof isolationLevels)[number],
    context: HostCallContext,
    { readOnly = false }: { readOnly?: boolean } = {},
  ): Promise<number> {
    const { pluginConnections, transactionTimeoutMs } = this.#pool.limits;
    const most = Math.max(1, pluginConnections - 1);
    if (this.#pool.transactions >= most) throw tooMany(this.#pool.plugin, most);
    this.#pool.transactions += 1;
    let session: Session | undefined;
    try {
      session = this.#pool.take() ?? (await this.#pool.acquire(context));
      const mode = `${isolation}${readOnly ? " read only" : ""}`;
      await this.#pool.run(session, { text: `begin isolation level ${mode}`, values: [] }, context);
      // Before its first query a transaction could still be made one that writes.
      if (readOnly) await this.#pool.run(session, { text: "select 1", values: [] }, context);
    } catch (error) {
      this.#pool.transactions -= 1;
      if (session !== undefined) this.#pool.kill(session);
      throw error;
    }
    const id = (this.#last += 1);
    const ms = Math.min(context.timeoutMs, transactionTimeoutMs);
    const timer = setTimeout(() => this.#abandon(id, `it was open longer than ${formatDuration(ms)}`), ms);
    const onAbort = (): void => this.#abandon(id, "the call that began it was cancelled");
    context.signal.addEventListener("abort", onAbort, { once: true });
    const release = (): void => {
      clearTimeout(timer);
      context.signal.removeEventListener("abort", onAbort);
      this.#open.delete(id);
      this.#pool.transactions -= 1;
    };
    this.#open.set(id, { session, release });
    if (context.signal.aborted) onAbort();
    return id;
  }

  async query(id: number, statement: Statement, context: HostCallContext): Promise<QueryResult> {
    const { session } = this.#find(id);
    let result: QueryResult;
    try {
      result = await this.#pool.run(session, statement, context);
    } catch (error) {
      // Rolled back meanwhile by its deadline or its caller: that is the reason, not the broken connection.
      throw this.#ended.has(id) ? this.#gone(id) : error;
    }
    if (session.isPlain) this.#leave(id, `the statement ${result.command} ended it`);
    return result;
  }

  /** Rejects when a commit became a rollback because a statement had failed before. */
  async end(id: number, commit: boolean, context: HostCallContext): Promise<void> {
    const { session, release } = this.#find(id);
    let command: string;
    try {
      const text = commit ? "commit" : "rollback";
      ({ command } = await this.#pool.run(session, { text, values: [] }, context));
    } catch (error) {
      if (!this.#open.has(id)) throw this.#gone(id);
      release();
      this.#pool.kill(session);
      throw error;
    }
    if (!this.#open.has(id)) throw this.#gone(id);
    release();
    this.#pool.release(session);
    if (commit && command === "ROLLBACK") throw rolledBack(this.#pool.plugin);
  }

  /** Rolls back whatever is open. */
  close(): void {
    for (const id of this.#open.keys()) this.#abandon(id, "the plugin was unloaded");
  }

  #find(id: number): Transaction {
    const found = this.#open.get(id);
    if (found === undefined) throw this.#gone(id);
    return found;
  }

  #abandon(id: number, reason: string): void {
    const found = this.#open.get(id);
    if (found === undefined) return;
    this.#remember(id, reason);
    found.release();
    this.#pool.kill(found.session);
  }

  #leave(id: number, reason: string): void {
    const found = this.#open.get(id);
    if (found === undefined) return;
    this.#remember(id, reason);
    found.release();
    this.#pool.release(found.session);
  }

  #remember(id: number, reason: string): void {
    this.#ended.set(id, reason);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > rememberedEnds && oldest !== undefined) this.#ended.delete(oldest);
  }

  #gone(id: number): XcoreError {
    const reason = this.#ended.get(id);
    const why = reason === undefined ? "there is none of this number open" : `it is over: ${reason}`;
    return new XcoreError("DATABASE_ERROR", `plugin '${this.#pool.plugin}': transaction ${id}: ${why}`, {
      hint: "Do all of a transaction within the function given to db.transaction, and keep it short.",
      details: { sqlstate: "25000" },
    });
  }
}

function tooMany(plugin: string, most: number): XcoreError {
  return new XcoreError(
    "QUOTA_EXCEEDED",
    `plugin '${plugin}': ${most} transactions are open already, the most it may have`,
    {
      hint: "Keep transactions short, or raise services.database.pluginConnections.",
      details: { open: most, most },
    },
  );
}

function rolledBack(plugin: string): XcoreError {
  return new XcoreError(
    "DATABASE_ERROR",
    `plugin '${plugin}': the transaction was rolled back: a statement in it had failed`,
    {
      hint: "Let the error of the failed statement leave db.transaction instead of catching it inside.",
      details: { sqlstate: "25P02" },
    },
  );
}
