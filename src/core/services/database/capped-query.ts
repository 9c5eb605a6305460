// One statement of a plugin on the wire: extended protocol (so one statement only), never more rows or bytes than allowed.
// A result that is too large rolls its statement back: the plugin is told an error, so nothing may have happened.
import type { Connection, Submittable } from "pg";
import type { Row } from "../../../wire/host-calls.ts";
import { XcoreError } from "../../base/error.ts";
import { Columns } from "./columns.ts";
import { mayWriteAndReturn, type PreparedStatement } from "./prepared-statements.ts";
import { encodeStatement } from "./statement-message.ts";

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

export interface QueryOptions {
  readonly caps: QueryCaps;
  /** The name it has, or is to be given. Absent: none. */
  readonly prepared?: PreparedStatement | undefined;
  /** Prepared statements to be closed on the way. */
  readonly outdated: readonly string[];
  /** Called once, before anybody hears of its result. */
  onSettled(): void;
}

/** What node-postgres has beyond its declared types. */
interface Wire {
  readonly stream: Connection["stream"];
  parse(message: { text: string }): void;
  sendCopyFail(reason: string): void;
}

export class CappedQuery implements Submittable {
  readonly result: Promise<QueryResult>;
  readonly #settle = Promise.withResolvers<QueryResult>();
  readonly #text: string;
  readonly #values: readonly (string | null)[];
  readonly #options: QueryOptions;
  #columns: Columns;
  #rows: Row[] = [];
  #bytes = 0;
  #command = "";
  #affected = 0;
  #failure: unknown;
  #synced = false;
  #stream: Connection["stream"] | undefined;

  constructor(text: string, values: readonly (string | null)[], options: QueryOptions) {
    this.#text = text;
    this.#values = values;
    this.#options = options;
    this.#columns = options.prepared?.columns ?? noColumns;
    this.result = this.#settle.promise;
  }

  submit(connection: Connection): Error | undefined {
    const { stream } = connection;
    if (!stream.writable) return new Error("the connection is closed");
    this.#stream = stream;
    const { caps, prepared, outdated } = this.#options;
    const known = prepared?.columns !== undefined;
    const heldBack = prepared?.heldBack ?? mayWriteAndReturn(this.#text);
    this.#synced = !heldBack;
    stream.write(
      encodeStatement({
        name: prepared?.name ?? "",
        text: known ? undefined : this.#text,
        close: outdated,
        values: this.#values,
        describe: !known,
        maxRows: caps.maxRows + 1,
        end: heldBack ? "flush" : "sync",
      }),
    );
    return undefined;
  }

  /**
   * So many bytes have come for it. They are counted before they are parsed: a single huge value would otherwise be gathered whole in
   * the core's memory.
   */
  noteBytes(count: number): void {
    const { maxResultBytes } = this.#options.caps;
    this.#bytes += count;
    if (this.#bytes <= maxResultBytes || this.#failure !== undefined) return;
    this.#failure = new XcoreError("QUOTA_EXCEEDED", `the result is larger than ${maxResultBytes} bytes`, {
      hint: "Select fewer rows or columns.",
      details: { maxResultBytes },
    });
    this.#stream?.destroy();
  }

  handleRowDescription(message: { fields: { name: string; dataTypeID: number }[] }): void {
    this.#columns = new Columns(message.fields);
  }

  handleDataRow(message: { fields: (string | null)[] }): void {
    this.#bytes += this.#columns.overhead;
    if (this.#failure !== undefined) return;
    try {
      this.#rows.push(this.#columns.read(message.fields));
    } catch (error) {
      this.#failure = error;
    }
  }

  handlePortalSuspended(connection: Connection): void {
    const { maxRows } = this.#options.caps;
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
    // `SELECT 1`, `INSERT 0 1`, `BEGIN`
    const { text } = message;
    const end = text.indexOf(" ");
    this.#command = end < 0 ? text : text.slice(0, end);
    this.#affected = Number(text.slice(text.lastIndexOf(" ") + 1)) || 0;
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
    this.#reject(this.#failure ?? error);
  }

  handleReadyForQuery(): void {
    if (this.#failure !== undefined) return this.#reject(this.#failure);
    const rows = this.#rows;
    const { prepared } = this.#options;
    if (prepared !== undefined) prepared.columns = this.#columns;
    const rowCount = this.#columns.count > 0 ? rows.length : this.#affected;
    this.#options.onSettled();
    this.#settle.resolve({ rows, rowCount, command: this.#command });
  }

  #reject(error: unknown): void {
    this.#options.onSettled();
    this.#settle.reject(error);
  }

  /** Exactly one for each statement: a second one would answer for the next. */
  #sync(connection: Connection): void {
    if (this.#synced) return;
    this.#synced = true;
    connection.sync();
  }
}

const noColumns = new Columns([]);
