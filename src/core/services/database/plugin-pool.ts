// The connections of one plugin, as its own role, shared by its revisions.
// Every statement on them has an end: the server's statement_timeout, which a plugin can raise, and the watchdog here.
import { XcoreError } from "../../base/error.ts";
import { formatDuration } from "../../base/units.ts";
import type { HostCallContext } from "../service.ts";
import type { QueryResult } from "./capped-query.ts";
import type { Connection } from "./database.ts";
import { pluginFailure } from "./failures.ts";
import type { FullDisk } from "./full-disk.ts";
import type { DatabaseLimits } from "./options.ts";
import type { Session, Statement } from "./session.ts";
import { SessionPool } from "./session-pool.ts";
import { Vigil, type Watched } from "./vigil.ts";

export interface PluginPoolOptions {
  plugin: string;
  /** As the plugin's own role. */
  connection: Connection;
  limits: DatabaseLimits;
  disk: FullDisk;
  /** Each connection has a session of its own at the server, which may prepare statements. */
  prepare: boolean;
  /** Ends a server process for good; with the core's rights. */
  terminate(backend: number): Promise<void>;
}

const acquireTimeoutMs = 5_000;
const graceMs = 500;

export class PluginPool {
  readonly plugin: string;
  readonly limits: DatabaseLimits;
  /** Transactions open now, over all revisions. */
  transactions = 0;
  readonly #options: PluginPoolOptions;
  readonly #vigil = new Vigil();
  readonly #sessions: SessionPool;
  #ended = false;

  constructor(options: PluginPoolOptions) {
    this.plugin = options.plugin;
    this.limits = options.limits;
    this.#options = options;
    this.#sessions = new SessionPool({
      connection: options.connection,
      applicationName: `xcore plugin ${options.plugin}`,
      most: options.limits.pluginConnections,
      patienceMs: acquireTimeoutMs,
      prepare: options.prepare,
      vigil: this.#vigil,
      failure: (reason) => this.#refusal(reason),
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** One that is free at once. */
  take(): Session | undefined {
    return this.#sessions.take();
  }

  async acquire(context: HostCallContext): Promise<Session> {
    try {
      return await this.#sessions.acquire(context);
    } catch (error) {
      throw pluginFailure(this.plugin, error);
    }
  }

  /** Runs one statement; when the call's time or the longest statement's time is over it is cancelled, and ended if that does not help. */
  async run(session: Session, statement: Statement, context: HostCallContext): Promise<QueryResult> {
    const running = new Running(session, context, this);
    this.#vigil.add(running);
    try {
      return await session.run(statement, this.limits);
    } catch (error) {
      this.#options.disk.note(error);
      throw running.reason ?? pluginFailure(this.plugin, error);
    } finally {
      this.#vigil.remove(running);
      running.stop();
    }
  }

  release(session: Session): void {
    this.#sessions.release(session);
  }

  /** Ends a session at once, whatever it is doing; the server rolls its transaction back. */
  kill(session: Session): void {
    session.cancel();
    session.destroy();
    this.#sessions.release(session);
  }

  /** Closes the connections that nobody uses: the line to the server may be dead. */
  dropIdle(): void {
    this.#sessions.dropIdle();
  }

  async end(): Promise<void> {
    this.#ended = true;
    await this.#sessions.end();
  }

  /** A session that did not even answer its cancelling: the line may be dead, and that of the others with it. */
  terminate(session: Session): void {
    session.destroy();
    this.dropIdle();
    this.#options.terminate(session.backend).catch(() => undefined);
  }

  #refusal(reason: "overdue" | "cancelled" | "ended"): Error {
    if (reason === "cancelled") return cancelled(this.plugin);
    if (reason === "ended" || !this.#sessions.full) return new Error("no connection");
    const { pluginConnections } = this.limits;
    return new XcoreError(
      "SERVICE_UNAVAILABLE",
      `plugin '${this.plugin}': none of its ${pluginConnections} database connections became free within ${formatDuration(acquireTimeoutMs)}`,
      { hint: "Make statements and transactions shorter, or raise services.database.pluginConnections." },
    );
  }
}

/** A statement under way. */
class Running implements Watched {
  readonly due: number;
  readonly context: HostCallContext;
  /** Why it was ended, if it was. */
  reason: XcoreError | undefined;
  readonly #session: Session;
  readonly #pool: PluginPool;
  readonly #ms: number;
  #escalation: NodeJS.Timeout | undefined;

  constructor(session: Session, context: HostCallContext, pool: PluginPool) {
    this.#ms = Math.min(context.timeoutMs, pool.limits.statementTimeoutMs + graceMs);
    this.due = performance.now() + this.#ms;
    this.context = context;
    this.#session = session;
    this.#pool = pool;
  }

  end(why: "overdue" | "cancelled"): void {
    if (this.reason !== undefined) return;
    const { plugin } = this.#pool;
    this.reason = why === "overdue" ? tooLong(plugin, this.#ms) : cancelled(plugin);
    this.#session.cancel();
    this.#escalation = setTimeout(() => this.#pool.terminate(this.#session), graceMs * 2);
  }

  stop(): void {
    clearTimeout(this.#escalation);
  }
}

function tooLong(plugin: string, ms: number): XcoreError {
  return new XcoreError(
    "DATABASE_ERROR",
    `plugin '${plugin}': the statement took longer than ${formatDuration(ms)} and was cancelled`,
    {
      hint: "Make it cheaper (an index, fewer rows), or raise services.database.statementTimeout and the plugin's timeout.",
      details: { sqlstate: "57014" },
    },
  );
}

function cancelled(plugin: string): XcoreError {
  return new XcoreError(
    "CALL_CANCELLED",
    `plugin '${plugin}': the call was cancelled, and its statement with it`,
  );
}
