// ctx.db: parameterised SQL, cursors and transactions on the plugin's own schema.
import type { Json } from "../../wire/json.ts";
import type { CursorOptions, Database, Transaction, TransactionOptions } from "../plugin-api.ts";
import { XcoreError } from "../errors.ts";
import { fetchBatches, type CursorStatement } from "./cursor.ts";
import type { Ask } from "./facade.ts";

export function databaseFacade(ask: Ask): Database {
  return {
    ...statements(ask, () => undefined),
    cursor: cursorTag(async function* (statement) {
      const transaction = await ask("db.begin", {});
      let commit = true;
      try {
        yield* fetchBatches(
          statements(ask, () => transaction),
          "xcore_cursor",
          statement,
        );
      } catch (error) {
        commit = false;
        throw error;
      } finally {
        const end = ask("db.end", { transaction, commit });
        await (commit ? end : end.catch(() => undefined));
      }
    }),
    async transaction<Result>(
      work: (tx: Transaction) => Promise<Result>,
      options: TransactionOptions = {},
    ): Promise<Result> {
      const { isolation } = options;
      const transaction = await ask("db.begin", isolation === undefined ? {} : { isolation });
      let open = true;
      const tx = statements(ask, () => {
        if (open) return transaction;
        throw new XcoreError("DATABASE_ERROR", "the transaction is over; await every statement inside it");
      });
      let result: Result;
      try {
        result = await work(tx);
      } catch (error) {
        open = false;
        // What went wrong first is what the author wants to see, not that the roll-back failed too.
        await ask("db.end", { transaction, commit: false }).catch(() => undefined);
        throw error;
      }
      open = false;
      await ask("db.end", { transaction, commit: true });
      return result;
    },
  };
}

function statements(ask: Ask, transactionId: () => number | undefined): Transaction {
  let cursors = 0;
  const run = async (
    text: string,
    values: readonly unknown[],
  ): Promise<{ rows: unknown; rowCount: number }> => {
    const transaction = transactionId();
    const params = values.map((value, at) => parameter(value, at + 1));
    return ask("db.query", { text, params, ...(transaction === undefined ? {} : { transaction }) });
  };
  const query = async <Row extends object>(text: string, params: readonly unknown[] = []) => {
    const { rows, rowCount } = await run(text, params);
    return { rows: rows as Row[], rowCount };
  };
  return {
    async sql<Row extends object>(
      strings: TemplateStringsArray,
      ...values: readonly unknown[]
    ): Promise<Row[]> {
      if (!Array.isArray(strings)) {
        throw new TypeError(
          "db.sql is a template tag: db.sql`select …`; for a text use db.query(text, params)",
        );
      }
      return (await run(textOf(strings), values)).rows as Row[];
    },
    query,
    cursor: cursorTag((statement) => fetchBatches({ query }, `xcore_cursor_${(cursors += 1)}`, statement)),
  };
}

/** The places of a template's values as `$1`, `$2` … */
function textOf(strings: readonly string[]): string {
  return strings.reduce((before, part, at) => `${before}$${at}${part}`);
}

/** `cursor` as authors call it, as a tag or with text and parameters; nothing is asked before the first row is. */
function cursorTag(
  open: (statement: CursorStatement) => AsyncGenerator<object[], void, undefined>,
): Transaction["cursor"] {
  return async function* <Row extends object>(
    first: TemplateStringsArray | string,
    ...rest: readonly unknown[]
  ): AsyncGenerator<Row, void, undefined> {
    let statement: CursorStatement;
    if (typeof first === "string") {
      const [params = [], options = {}] = rest as [(readonly unknown[])?, CursorOptions?];
      statement = { text: first, params, batch: options.batch };
    } else statement = { text: textOf(first), params: rest };
    for await (const rows of open(statement)) yield* rows as Row[];
  };
}

/** A value as JSON can carry it to the driver. */
function parameter(value: unknown, position: number): Json {
  switch (typeof value) {
    case "string":
    case "number":
    case "boolean":
      return value;
    case "bigint":
      return value.toString();
    case "object":
      if (value === null) return null;
      if (value instanceof Date) return value.toISOString();
      if (ArrayBuffer.isView(value)) {
        const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
        return `\\x${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
      }
      return value as Json;
    default:
      throw new TypeError(`db: parameter $${position} is ${typeof value}; use null for "no value"`);
  }
}
