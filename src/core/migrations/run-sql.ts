// Runs the statements of a file in one transaction: a plugin's migration as its own role, a seed. A fault names file, line and statement.
import { Client, type DatabaseError } from "pg";
import { messageOf, XcoreError } from "../base/error.ts";
import type { Connection } from "../services/database/database.ts";
import { isConnectionFailure, sqlState } from "../services/database/failures.ts";
import { excerpt, lineAt, type Statement } from "./sql-statements.ts";

export interface RunOptions {
  /** `migration of plugin 'notes'`, for errors. */
  what: string;
  connection: Connection;
  path: string;
  statements: readonly Statement[];
  /** The command that runs it again. */
  again: string;
  /** Called with the transaction's number when all has gone well, right before the commit. */
  beforeCommit?(xid: string): Promise<void>;
}

/** Longer than a request may take, yet not for ever. */
const statementTimeout = "10min";
const lockTimeout = "1min";
const transactionWords =
  /^(begin|start\s+transaction|commit|end|rollback(?!\s+to)|abort|prepare\s+transaction)\b/i;

export async function runSql(options: RunOptions): Promise<void> {
  const { statements } = options;
  for (const statement of statements) {
    if (transactionWords.test(statement.text)) throw noTransactions(options, statement);
  }
  const client = new Client({ ...options.connection, application_name: `xcore ${options.what}` });
  client.on("error", () => undefined);
  await client.connect();
  try {
    await client.query("begin");
    await client.query(`set local statement_timeout = '${statementTimeout}'`);
    await client.query(`set local lock_timeout = '${lockTimeout}'`);
    for (const statement of statements) {
      await client.query(statement.text).catch((error: unknown) => {
        throw failed(options, statement, error);
      });
      if (client.getTransactionStatus() !== "T") throw noTransactions(options, statement);
    }
    if (options.beforeCommit !== undefined) {
      const { rows } = await client.query<{ xid: string }>(
        "select pg_catalog.pg_current_xact_id()::text as xid",
      );
      await options.beforeCommit(rows[0]?.xid ?? "");
    }
    await client.query("commit").catch((error: unknown) => {
      throw failed(options, statements.at(-1) ?? { text: "commit", line: 1 }, error);
    });
  } catch (error) {
    if (error instanceof XcoreError) throw error;
    throw new XcoreError("MIGRATION_FAILED", `${options.what}, ${options.path}: ${messageOf(error)}`, {
      cause: error,
    });
  } finally {
    await client.end().catch(() => undefined);
  }
}

function failed(options: RunOptions, statement: Statement, error: unknown): unknown {
  if (isConnectionFailure(error) && sqlState(error) === undefined) return error;
  const { position, detail, hint } = error as DatabaseError;
  const line =
    statement.line + (position === undefined ? 0 : lineAt(statement.text, Number(position) - 1) - 1);
  const said = [messageOf(error), detail, hint].filter((part) => part !== undefined).join("; ");
  return new XcoreError(
    "MIGRATION_FAILED",
    `${options.what} failed, ${options.path}:${line}: ${said}\n  in: ${excerpt(statement.text)}`,
    {
      hint: `Nothing of this file was kept. Correct it and run: ${options.again}`,
      details: {
        file: options.path,
        line,
        statement: excerpt(statement.text),
        sqlstate: sqlState(error) ?? null,
      },
      cause: error,
    },
  );
}

function noTransactions({ path }: RunOptions, statement: Statement): XcoreError {
  return new XcoreError(
    "MIGRATION_FAILED",
    `${path}:${statement.line}: '${excerpt(statement.text)}' would end its transaction`,
    {
      hint: "Remove it: the file is one transaction from its first statement to its last already.",
      details: { file: path, line: statement.line, statement: excerpt(statement.text) },
    },
  );
}
