// What `import … from "xcore/kysely"` gives: Kysely, its queries run by ctx.db. In the bundle of a plugin that imports it, in no other.
import {
  CompiledQuery,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type DatabaseConnection,
  type Driver,
  type QueryResult,
  type TransactionSettings,
} from "kysely";
import type { Database, Transaction, TransactionOptions } from "./plugin-api.ts";

export * from "kysely";

/** Typed queries over `ctx.db`, or over a transaction of it; it belongs to the same call as that. Cheap to make. */
export function kysely<Tables>(db: Database | Transaction): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new ContextDriver(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createIntrospector: (inner) => new PostgresIntrospector(inner),
    },
  });
}

class ContextDriver implements Driver {
  readonly #db: Database | Transaction;

  constructor(db: Database | Transaction) {
    this.#db = db;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<ContextConnection> {
    return new ContextConnection(this.#db);
  }

  async releaseConnection(): Promise<void> {}

  async destroy(): Promise<void> {}

  async beginTransaction(connection: ContextConnection, settings: TransactionSettings): Promise<void> {
    await connection.begin(isolationOf(settings));
  }

  async commitTransaction(connection: ContextConnection): Promise<void> {
    await connection.end(true);
  }

  async rollbackTransaction(connection: ContextConnection): Promise<void> {
    await connection.end(false);
  }

  async savepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`savepoint ${quoted(name)}`));
  }

  async rollbackToSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`rollback to ${quoted(name)}`));
  }

  async releaseSavepoint(connection: DatabaseConnection, name: string): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw(`release ${quoted(name)}`));
  }
}

/** Kysely begins and ends a transaction by calls, ctx.db by the life of a function: this one waits for Kysely's end. */
class ContextConnection implements DatabaseConnection {
  readonly #db: Database | Transaction;
  #open: { tx: Transaction; end(commit: boolean): Promise<void> } | undefined;

  constructor(db: Database | Transaction) {
    this.#db = db;
  }

  async begin(options: TransactionOptions): Promise<void> {
    if (!("transaction" in this.#db)) {
      throw new TypeError("kysely: this is a transaction already; begin further ones on kysely(ctx.db)");
    }
    const begun = Promise.withResolvers<Transaction>();
    const ending = Promise.withResolvers<void>();
    const rolledBack = new Error("rolled back");
    const done = this.#db.transaction(async (tx) => {
      begun.resolve(tx);
      await ending.promise;
    }, options);
    done.catch(begun.reject);
    const tx = await begun.promise;
    const end = async (commit: boolean): Promise<void> => {
      if (commit) ending.resolve();
      else ending.reject(rolledBack);
      await done.catch((error: unknown) => {
        if (error !== rolledBack) throw error;
      });
    };
    this.#open = { tx, end };
  }

  async end(commit: boolean): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.end(commit);
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const { rows, rowCount } = await (this.#open?.tx ?? this.#db).query<Row & object>(sql, parameters);
    return { rows, numAffectedRows: BigInt(rowCount) };
  }

  async *streamQuery<Row>(
    { sql, parameters }: CompiledQuery,
    batch: number,
  ): AsyncIterableIterator<QueryResult<Row>> {
    const rows = (this.#open?.tx ?? this.#db).cursor<Row & object>(sql, parameters, { batch });
    for await (const row of rows) yield { rows: [row] };
  }
}

function isolationOf({ isolationLevel, accessMode }: TransactionSettings): TransactionOptions {
  if (accessMode === "read only") throw new TypeError("kysely: ctx.db has no read-only transactions");
  if (isolationLevel === undefined) return {};
  if (isolationLevel === "snapshot" || isolationLevel === "read uncommitted")
    throw new TypeError(`kysely: Postgres has no isolation level '${isolationLevel}' of its own`);
  return { isolation: isolationLevel };
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
