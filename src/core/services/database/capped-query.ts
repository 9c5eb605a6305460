// One statement of a plugin on the wire: extended protocol (so one statement only), never more rows or bytes than allowed.
// A result that is too large rolls its statement back: the plugin is told an error, so nothing may have happened.
import type { Connection, Submittable } from "pg";
import type { Row } from "../../../wire/host-calls.ts";
import type { Json } from "../../../wire/json.ts";
import { XcoreError } from "../../base/error.ts";
import { readerOf } from "./values.ts";

export interface QueryCaps {
  readonly maxRows: number;
  readonly maxResultBytes: number;
}

export interface QueryResult {
  rows: Row[];
  rowCount: number;
  /** `SELECT`, `COMMIT`, `ROLLBACK` … */
  command: string;
}

/** What node-postgres has beyond its declared types. */
interface Wire {
  readonly stream: Connection["stream"];
  parse(message: { text: string }): void;
  bind(message: { values: (string | null)[] }): void;
  describe(message: { type: "P"; name: string }): void;
  execute(message: { rows: number }): void;
  sendCopyFail(reason: string): void;
  flush(): void;
}

interface Column {
  name: string;
  dataTypeID: number;
}

export class CappedQuery implements Submittable {
  readonly result: Promise<QueryResult>;
  readonly #settle = Promise.withResolvers<QueryResult>();
  readonly #text: string;
  readonly #values: (string | null)[];
  readonly #caps: QueryCaps;
  #columns: { name: string; read: (text: string) => Json }[] = [];
  #rows: Row[] = [];
  #bytes = 0;
  #rowOverhead = 0;
  #command = "";
  #affected = 0;
  #failure: unknown;
  #synced = false;
  #stopMeter: (() => void) | undefined;

  constructor(text: string, values: (string | null)[], caps: QueryCaps) {
    this.#text = text;
    this.#values = values;
    this.#caps = caps;
    this.result = this.#settle.promise;
    this.result.catch(() => undefined);
  }

  submit(connection: Connection): void {
    const wire = connection as unknown as Wire;
    this.#measure(wire);
    wire.stream.cork();
    wire.parse({ text: this.#text });
    wire.bind({ values: this.#values });
    wire.describe({ type: "P", name: "" });
    wire.execute({ rows: this.#caps.maxRows + 1 });
    if (mayWriteAndReturn(this.#text)) wire.flush();
    else this.#sync(connection);
    wire.stream.uncork();
  }

  handleRowDescription(message: { fields: Column[] }): void {
    this.#columns = message.fields.map(({ name, dataTypeID }) => ({ name, read: readerOf(dataTypeID) }));
    this.#rowOverhead = this.#columns.reduce((sum, { name }) => sum + name.length + 4, 2);
  }

  handleDataRow(message: { fields: (string | null)[] }): void {
    this.#bytes += this.#rowOverhead;
    if (this.#failure !== undefined) return;
    try {
      const row: Record<string, Json> = {};
      for (const [index, { name, read }] of this.#columns.entries()) {
        const text = message.fields[index] ?? null;
        const value = text === null ? null : read(text);
        if (name === "__proto__") Object.defineProperty(row, name, { value, enumerable: true });
        else row[name] = value;
      }
      this.#rows.push(row);
    } catch (error) {
      this.#failure = error;
    }
  }

  handlePortalSuspended(connection: Connection): void {
    const { maxRows } = this.#caps;
    this.#failure ??= new XcoreError("QUOTA_EXCEEDED", `the result has more than ${maxRows} rows`, {
      hint: "Add a limit to the statement, or read it page by page.",
      details: { maxRows },
    });
    if (this.#synced) return;
    // A statement that can't be parsed fails the transaction the server runs this one in; a plain Sync would commit it.
    (connection as unknown as Wire).parse({ text: "too many rows" });
    this.#sync(connection);
  }

  handleCommandComplete(message: { text: string }, connection: Connection): void {
    const words = message.text.split(" ");
    this.#command = words[0] ?? "";
    this.#affected = Number(words.at(-1)) || 0;
    this.#sync(connection);
  }

  handleEmptyQuery(connection: Connection): void {
    this.#sync(connection);
  }

  handleCopyInResponse(connection: Connection): void {
    (connection as unknown as Wire).sendCopyFail("COPY is not available here");
    // While it waits for data the server passes over a Sync.
    this.#synced = false;
  }

  handleCopyData(): void {}

  handleError(error: Error, connection: Connection): void {
    if (connection.stream.writable) this.#sync(connection);
    this.#stopMeter?.();
    this.#settle.reject(this.#failure ?? error);
  }

  handleReadyForQuery(): void {
    this.#stopMeter?.();
    if (this.#failure !== undefined) return this.#settle.reject(this.#failure);
    const rows = this.#rows;
    const rowCount = this.#columns.length > 0 ? rows.length : this.#affected;
    this.#settle.resolve({ rows, rowCount, command: this.#command });
  }

  /** Exactly one for each statement: a second one would answer for the next. */
  #sync(connection: Connection): void {
    if (this.#synced) return;
    this.#synced = true;
    connection.sync();
  }

  /** Counts what arrives before it is parsed: a single huge value would otherwise be gathered whole in the core's memory. */
  #measure(wire: Wire): void {
    const { maxResultBytes } = this.#caps;
    const onData = (chunk: Buffer): void => {
      this.#bytes += chunk.length;
      if (this.#bytes <= maxResultBytes || this.#failure !== undefined) return;
      this.#failure = new XcoreError("QUOTA_EXCEEDED", `the result is larger than ${maxResultBytes} bytes`, {
        hint: "Select fewer rows or columns.",
        details: { maxResultBytes },
      });
      wire.stream.destroy();
    };
    wire.stream.on("data", onData);
    this.#stopMeter = () => wire.stream.off("data", onData);
  }
}

/** Such a statement waits with its Sync, which commits it, until its result is known to be small: one round trip more. */
function mayWriteAndReturn(text: string): boolean {
  return (
    /\b(insert|update|delete|merge|call|execute)\b/i.test(text) &&
    /\b(returning|select|call|execute)\b/i.test(text)
  );
}
