// What a plugin may do with the database: its part of the table of host calls, on connections of its own role.
import { XcoreError } from "../../base/error.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { formatSize } from "../../base/units.ts";
import { Arguments } from "../arguments.ts";
import type { Facade, HostCallContext, Reply } from "../service.ts";
import type { PluginPool } from "./plugin-pool.ts";
import type { Statement } from "./session.ts";
import { isFreeing, storageFailure } from "./storage-quota.ts";
import { isolationLevels, Transactions } from "./transactions.ts";
import { encodeParams } from "./values.ts";

const maxTextLength = 1024 * 1024;
const maxParams = 65_535;

/** Runs `work` on the connections of what the plugin keeps for this tenant, or of its own; `readOnly`: nothing more may be written. */
export type UsePool = <T>(
  tenant: CallTenant | undefined,
  work: (pool: PluginPool, readOnly: boolean) => Promise<T>,
) => Promise<T>;

export function databaseFacade(usePool: UsePool, release: () => Promise<void>): Facade {
  const use: UsePool = (tenant, work) => {
    if (tenant === undefined) return usePool(tenant, work);
    return usePool(tenant, work).catch((error: unknown) => {
      throw storageFailure(error, tenant);
    });
  };
  const open = new Map<PluginPool, Transactions>();
  const transactionsOn = (pool: PluginPool): Transactions => {
    const known = open.get(pool);
    if (known !== undefined) return known;
    for (const other of open.keys()) if (other.ended) open.delete(other);
    const fresh = new Transactions(pool);
    open.set(pool, fresh);
    return fresh;
  };
  return {
    calls: {
      async "db.query"(args, context) {
        const statement = readStatement(args);
        const id = new Arguments("db.query", args).optionalInteger("transaction", 1, Number.MAX_SAFE_INTEGER);
        const { rows, rowCount } = await use(context.origin?.tenant, (pool, readOnly) => {
          if (id !== undefined) return transactionsOn(pool).query(id, statement, context);
          if (readOnly && !isFreeing(statement.text))
            return readAlone(transactionsOn(pool), statement, context);
          return queryAlone(pool, statement, context);
        });
        return { rows, rowCount } satisfies Reply<"db.query">;
      },
      async "db.begin"(args, context) {
        const isolation = readIsolation(args);
        return (await use(context.origin?.tenant, (pool, readOnly) =>
          transactionsOn(pool).begin(isolation, context, { readOnly }),
        )) satisfies Reply<"db.begin">;
      },
      async "db.end"(args, context) {
        const fields = new Arguments("db.end", args);
        const id = fields.optionalInteger("transaction", 1, Number.MAX_SAFE_INTEGER);
        if (id === undefined) throw fields.fault("transaction", "the number of a transaction");
        const commit = (args as { commit?: unknown }).commit === true;
        await use(context.origin?.tenant, (pool) => transactionsOn(pool).end(id, commit, context));
        return null satisfies Reply<"db.end">;
      },
    },
    async [Symbol.asyncDispose]() {
      for (const transactions of open.values()) transactions.close();
      await release();
    },
  };
}

/** In a transaction that can't write. */
async function readAlone(transactions: Transactions, statement: Statement, context: HostCallContext) {
  const id = await transactions.begin("read committed", context, { readOnly: true });
  let failed = true;
  try {
    const result = await transactions.query(id, statement, context);
    failed = false;
    return result;
  } finally {
    await transactions.end(id, !failed, context).catch(() => undefined);
  }
}

async function queryAlone(pool: PluginPool, statement: Statement, context: HostCallContext) {
  const session = pool.take() ?? (await pool.acquire(context));
  let clean = false;
  try {
    const result = await pool.run(session, statement, context);
    clean = session.isPlain;
    if (clean) return result;
  } catch (error) {
    clean = true;
    throw error;
  } finally {
    if (clean) pool.release(session);
    else pool.kill(session);
  }
  throw new XcoreError(
    "DATABASE_ERROR",
    `plugin '${pool.plugin}': the statement left a transaction open; it was rolled back`,
    {
      hint: "Use db.transaction(async (tx) => …) instead of begin and commit.",
      details: { sqlstate: "25001" },
    },
  );
}

function readStatement(args: unknown): Statement {
  const { text, params } = (typeof args === "object" && args !== null ? args : {}) as Record<string, unknown>;
  if (typeof text !== "string" || text.trim() === "") {
    throw new XcoreError("INPUT_INVALID", "db.query: 'text' must be an SQL statement, got nothing", {
      hint: 'Write db.sql`select …` or db.query("select …", [parameters]).',
    });
  }
  if (text.length > maxTextLength) {
    throw new XcoreError(
      "QUOTA_EXCEEDED",
      `db.query: the statement is longer than ${formatSize(maxTextLength)}`,
      {
        hint: "Pass values as parameters instead of writing them into the text.",
      },
    );
  }
  if (text.includes("\0")) {
    throw new XcoreError("INPUT_INVALID", "db.query: the statement holds a zero character");
  }
  if (params !== undefined && !Array.isArray(params)) {
    throw new XcoreError("INPUT_INVALID", "db.query: 'params' must be a list");
  }
  const list: readonly unknown[] = params ?? [];
  if (list.length > maxParams) {
    throw new XcoreError("QUOTA_EXCEEDED", `db.query: ${list.length} parameters; at most ${maxParams}`, {
      hint: "Pass a list as one parameter: where id = any($1).",
    });
  }
  return { text, values: encodeParams(list) };
}

function readIsolation(args: unknown): (typeof isolationLevels)[number] {
  const { isolation } = (typeof args === "object" && args !== null ? args : {}) as { isolation?: unknown };
  if (isolation === undefined || isolation === null) return "read committed";
  const found = isolationLevels.find((level) => level === isolation);
  if (found !== undefined) return found;
  throw new XcoreError("INPUT_INVALID", `db.begin: there is no isolation level '${String(isolation)}'`, {
    hint: `Use one of: ${isolationLevels.join(", ")}.`,
  });
}
