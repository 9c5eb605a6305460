// One connection of a plugin, and what is known of it.
import { connect } from "node:net";
import { Client, DatabaseError, type ClientConfig } from "pg";
import { CappedQuery, type QueryCaps, type QueryOptions, type QueryResult } from "./capped-query.ts";
import type { Connection } from "./database.ts";
import { sqlState } from "./failures.ts";
import { PreparedStatements } from "./prepared-statements.ts";

export interface Statement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}

/** What node-postgres keeps beyond its declared types. */
type Line = Client & {
  readonly processID: number;
  readonly secretKey: number;
  readonly connection: { readonly stream: NodeJS.ReadWriteStream & { destroy(): void } };
};

export class Session {
  /** Since when nobody uses it, in performance.now() time. */
  idleSince = 0;
  readonly #client: Line;
  readonly #connection: Connection;
  readonly #prepared: PreparedStatements | undefined;
  /** The first one is on the line; the others wait for it. */
  readonly #queries: CappedQuery[] = [];
  #usable = true;

  /** Connects. `onLost`: it has ended by itself, or the line to it has. `prepare`: statements that come again are prepared. */
  static async open(
    connection: Connection,
    options: ClientConfig & { prepare: boolean; onLost(session: Session): void },
  ): Promise<Session> {
    const { prepare, onLost, ...config } = options;
    const client = new Client({ ...connection, ...config }) as Line;
    client.on("error", () => undefined);
    await client.connect();
    const session = new Session(client, connection, prepare);
    const lost = (): void => {
      session.#usable = false;
      onLost(session);
    };
    client.on("error", lost);
    client.on("end", lost);
    return session;
  }

  private constructor(client: Line, connection: Connection, prepare: boolean) {
    this.#client = client;
    this.#connection = connection;
    this.#prepared = prepare ? new PreparedStatements() : undefined;
    // Before node-postgres parses it.
    client.connection.stream.prependListener("data", (chunk: Buffer) =>
      this.#queries[0]?.noteBytes(chunk.length),
    );
  }

  /** Whether another statement may be run on it by another caller. */
  get usable(): boolean {
    return this.#usable;
  }

  /** Of the server's process. */
  get backend(): number {
    return this.#client.processID;
  }

  /** Whether no transaction was open when it last was ready. */
  get isPlain(): boolean {
    return this.#client.getTransactionStatus() === "I";
  }

  /** Rejects with what node-postgres or the caps say. */
  async run({ text, values }: Statement, caps: QueryCaps): Promise<QueryResult> {
    // In a transaction one that is outdated would be its end.
    const prepared = this.isPlain ? this.#prepared?.take(text) : undefined;
    const known = prepared?.columns !== undefined;
    try {
      const outdated = this.#prepared?.outdated() ?? [];
      return await this.#submit(text, values, { caps, prepared, outdated });
    } catch (error) {
      if (prepared === undefined) throw error;
      const outdated = isOutdated(error);
      if (outdated && sqlState(error) === missing) this.#prepared?.giveUp();
      else if (outdated || !known) this.#prepared?.forget(text);
      if (!known || !outdated) throw error;
    }
    // The server had not begun with it.
    return this.#submit(text, values, { caps, outdated: [] });
  }

  /** Asks the server to end what runs on it. It might hit a later statement: there is to be none. */
  cancel(): void {
    this.#usable = false;
    requestCancel(this.#connection, this.#client);
  }

  /** Cuts the line. */
  destroy(): void {
    this.#usable = false;
    this.#client.connection.stream.destroy();
  }

  close(): void {
    this.#usable = false;
    this.#client.end().catch(() => undefined);
  }

  #submit(
    text: string,
    values: readonly (string | null)[],
    options: Omit<QueryOptions, "onSettled">,
  ): Promise<QueryResult> {
    const onSettled = (): void => {
      const at = this.#queries.indexOf(query);
      if (at >= 0) this.#queries.splice(at, 1);
    };
    const query = new CappedQuery(text, values, { ...options, onSettled });
    this.#queries.push(query);
    this.#client.query(query);
    return query.result;
  }
}

/** invalid_sql_statement_name */
const missing = "26000";

/** A prepared statement was refused before it began: there is none of this name, or its columns would be others now. */
function isOutdated(error: unknown): boolean {
  if (!(error instanceof DatabaseError)) return false;
  const { code, routine } = error;
  return (
    (code === missing && routine === "FetchPreparedStatement") ||
    (code === "0A000" && routine === "RevalidateCachedQuery")
  );
}

/** Postgres' own cancel request (protocol 3.0, "CancelRequest"): needs no free connection and no rights. */
function requestCancel({ host, port }: Connection, { processID, secretKey }: Line): void {
  const socket = host.startsWith("/")
    ? connect({ path: `${host}/.s.PGSQL.${port}` })
    : connect({ host, port });
  socket.on("error", () => undefined);
  socket.setTimeout(5_000, () => socket.destroy());
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(processID, 8);
  message.writeInt32BE(secretKey, 12);
  socket.end(message);
  socket.resume();
}
