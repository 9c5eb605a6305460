// The connections of one plugin, as its own role: opened when needed, closed when idle, shared by its revisions.
// Every statement on them has an end: the server's statement_timeout, which a plugin can raise, and the watchdog here.
import { connect } from "node:net";
import { Pool, type PoolClient } from "pg";
import { XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { formatDuration } from "../../base/units.ts";
import type { HostCallContext } from "../service.ts";
import { CappedQuery, type QueryResult } from "./capped-query.ts";
import type { Connection } from "./database.ts";
import { pluginFailure } from "./failures.ts";
import type { FullDisk } from "./full-disk.ts";
import type { DatabaseLimits } from "./options.ts";
import { dropIdle } from "./round-trip.ts";

export interface PluginPoolOptions {
  plugin: string;
  /** As the plugin's own role. */
  connection: Connection;
  limits: DatabaseLimits;
  logger: Logger;
  disk: FullDisk;
  /** Ends a server process for good; with the core's rights. */
  terminate(backend: number): Promise<void>;
}

/** What node-postgres keeps beyond its declared types. */
type Session = PoolClient & {
  readonly processID: number;
  readonly secretKey: number;
  readonly connection: {
    readonly stream: NodeJS.WritableStream & { destroy(): void; readonly destroyed: boolean };
  };
};

const acquireTimeoutMs = 5_000;
const graceMs = 500;

export class PluginPool {
  readonly plugin: string;
  readonly limits: DatabaseLimits;
  /** Transactions open now, over all revisions. */
  transactions = 0;
  ended = false;
  readonly #options: PluginPoolOptions;
  readonly #pool: Pool;
  /** Sessions with a cancel request under way: it might hit the next statement, so there is none. */
  readonly #cancelled = new WeakSet<PoolClient>();

  constructor(options: PluginPoolOptions) {
    this.plugin = options.plugin;
    this.limits = options.limits;
    this.#options = options;
    this.#pool = new Pool({
      ...options.connection,
      max: options.limits.pluginConnections,
      idleTimeoutMillis: 10_000,
      keepAlive: true,
      connectionTimeoutMillis: acquireTimeoutMs,
      application_name: `xcore plugin ${options.plugin}`,
    });
    // A session that ends while nobody uses it is no fault of anybody's: the next statement opens another.
    this.#pool.on("error", () => undefined);
    this.#pool.on("connect", (client) => client.on("error", () => undefined));
  }

  async acquire(context: HostCallContext): Promise<PoolClient> {
    const connecting = this.#pool.connect();
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const onAbort = (): void => reject(cancelled(this.plugin));
    context.signal.addEventListener("abort", onAbort, { once: true });
    if (context.signal.aborted) onAbort();
    try {
      return await Promise.race([connecting, aborted]);
    } catch (error) {
      connecting.then((client) => client.release()).catch(() => undefined);
      throw this.#acquireFailure(error);
    } finally {
      context.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Runs one statement; when the call's time or the longest statement's time is over it is cancelled, and ended if that does not help. */
  async run(
    client: PoolClient,
    statement: { text: string; values: (string | null)[] },
    context: HostCallContext,
  ): Promise<QueryResult> {
    const query = new CappedQuery(statement.text, statement.values, this.limits);
    const watch = this.#watch(client as Session, context);
    try {
      client.query(query);
      return await query.result;
    } catch (error) {
      this.#options.disk.note(error);
      throw watch.reason() ?? pluginFailure(this.plugin, error);
    } finally {
      watch.stop();
    }
  }

  release(client: PoolClient): void {
    client.release((client as Session).connection.stream.destroyed || this.#cancelled.has(client));
  }

  /** Ends a session at once, whatever it is doing; the server rolls its transaction back. */
  kill(client: PoolClient): void {
    const session = client as Session;
    requestCancel(this.#options.connection, session);
    session.connection.stream.destroy();
    client.release(true);
  }

  /** Closes the connections that nobody uses: the line to the server may be dead. */
  dropIdle(): void {
    dropIdle(this.#pool);
  }

  async end(): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    await this.#pool.end();
  }

  #watch(session: Session, context: HostCallContext): { reason(): XcoreError | undefined; stop(): void } {
    let reason: XcoreError | undefined;
    let escalation: NodeJS.Timeout | undefined;
    const cancel = (why: XcoreError): void => {
      if (reason !== undefined) return;
      reason = why;
      this.#cancelled.add(session);
      requestCancel(this.#options.connection, session);
      escalation = setTimeout(() => {
        session.connection.stream.destroy();
        // It did not even answer the cancelling: the line may be dead, and that of the others with it.
        dropIdle(this.#pool);
        this.#options.terminate(session.processID).catch(() => undefined);
      }, graceMs * 2);
    };
    const ms = Math.min(context.timeoutMs, this.limits.statementTimeoutMs + graceMs);
    const timer = setTimeout(() => cancel(tooLong(this.plugin, ms)), ms);
    const onAbort = (): void => cancel(cancelled(this.plugin));
    context.signal.addEventListener("abort", onAbort, { once: true });
    if (context.signal.aborted) onAbort();
    return {
      reason: () => reason,
      stop: () => {
        clearTimeout(timer);
        clearTimeout(escalation);
        context.signal.removeEventListener("abort", onAbort);
      },
    };
  }

  #acquireFailure(error: unknown): XcoreError {
    if (!(error instanceof Error) || !error.message.startsWith("timeout exceeded")) {
      return pluginFailure(this.plugin, error);
    }
    const { pluginConnections } = this.limits;
    return new XcoreError(
      "SERVICE_UNAVAILABLE",
      `plugin '${this.plugin}': none of its ${pluginConnections} database connections became free within ${formatDuration(acquireTimeoutMs)}`,
      { hint: "Make statements and transactions shorter, or raise services.database.pluginConnections." },
    );
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

/** Postgres' own cancel request (protocol 3.0, "CancelRequest"): needs no free connection and no rights. */
function requestCancel(connection: Connection, session: Session): void {
  const { host, port } = connection;
  const socket = host.startsWith("/")
    ? connect({ path: `${host}/.s.PGSQL.${port}` })
    : connect({ host, port });
  socket.on("error", () => undefined);
  socket.setTimeout(5_000, () => socket.destroy());
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(session.processID, 8);
  message.writeInt32BE(session.secretKey, 12);
  socket.end(message);
  socket.resume();
}
