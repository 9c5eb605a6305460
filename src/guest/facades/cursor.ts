// A result of any length, read in batches: a cursor of Postgres' own, open as long as the loop over it.
import type { Transaction } from "../plugin-api.ts";

export interface CursorStatement {
  text: string;
  params: readonly unknown[];
  /** Rows fetched at a time. */
  batch?: number | undefined;
}

const defaultBatch = 200;
const largestBatch = 10_000;

/** The rows, batch by batch; `tx` must be in a transaction, which stays the caller's to end. */
export async function* fetchBatches<Row extends object>(
  tx: Pick<Transaction, "query">,
  name: string,
  { text, params, batch = defaultBatch }: CursorStatement,
): AsyncGenerator<Row[], void, undefined> {
  if (!Number.isInteger(batch) || batch < 1 || batch > largestBatch)
    throw new RangeError(`db.cursor: batch must be a whole number from 1 to ${largestBatch}`);
  await tx.query(`declare ${name} no scroll cursor for ${text}`, params);
  let failed = false;
  try {
    for (;;) {
      const { rows } = await tx.query<Row>(`fetch forward ${batch} from ${name}`).catch((error: unknown) => {
        failed = true;
        throw error;
      });
      if (rows.length > 0) yield rows;
      if (rows.length < batch) return;
    }
  } finally {
    if (!failed) await tx.query(`close ${name}`);
  }
}
