// Puts the rows of a dump into tables that stand ready, in one transaction: what they hold already goes, and references are proved at the end.
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import type { Client } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import { messageOf, XcoreError } from "../../base/error.ts";
import { ormTable } from "../table.ts";
import type { DumpReader } from "./format.ts";

export interface LoadReport {
  readonly tables: number;
  readonly rows: number;
}

export async function loadRows(
  client: Client,
  reader: DumpReader,
  schemas: readonly string[],
): Promise<LoadReport> {
  let line: string | undefined;
  let [tables, rows] = [0, 0];
  await client.query("begin");
  try {
    const undo = await loosen(client, schemas);
    while ((line = await reader.statement()) !== undefined) {
      if (line.startsWith("--")) continue;
      if (line.startsWith("copy ")) {
        tables += 1;
        const target = client.query(copyFrom(line));
        await pipeline(Readable.from(reader.rows()), target);
        rows += target.rowCount;
      } else await client.query(line);
    }
    line = undefined;
    for (const statement of undo) await client.query(statement);
    await client.query("commit");
    return { tables, rows };
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    if (error instanceof XcoreError) throw error;
    const where = line === undefined ? "the references between the restored rows" : line.slice(0, 200);
    throw new XcoreError(
      "DATABASE_ERROR",
      `the rows could not be restored: ${messageOf(error)}\n  in: ${where}`,
      {
        hint: "The tables are there and empty. Correct the cause and restore again.",
        cause: error,
      },
    );
  }
}

/** Empties the tables, and takes away foreign keys and triggers until the rows are there; returns what brings them back. */
async function loosen(client: Client, schemas: readonly string[]): Promise<string[]> {
  const { rows: tables } = await client.query<{ name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as name
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition
       and not (n.nspname = 'public' and c.relname = $2)`,
    [schemas, ormTable],
  );
  const { rows: keys } = await client.query<{ table: string; name: string; definition: string }>(
    `select format('%I.%I', n.nspname, c.relname) as table, quote_ident(k.conname) as name,
       pg_get_constraintdef(k.oid) as definition
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where k.contype = 'f' and k.conparentid = 0 and n.nspname = any($1)`,
    [schemas],
  );
  const { rows: triggers } = await client.query<{ table: string; name: string }>(
    `select format('%I.%I', n.nspname, c.relname) as table, quote_ident(t.tgname) as name
     from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
     where not t.tgisinternal and t.tgenabled = 'O' and c.relkind in ('r', 'p') and n.nspname = any($1)`,
    [schemas],
  );
  for (const { table, name } of keys) await client.query(`alter table ${table} drop constraint ${name}`);
  for (const { table, name } of triggers) await client.query(`alter table ${table} disable trigger ${name}`);
  if (tables.length > 0) await client.query(`truncate ${tables.map(({ name }) => name).join(", ")}`);
  return [
    ...keys.map(({ table, name, definition }) => `alter table ${table} add constraint ${name} ${definition}`),
    ...triggers.map(({ table, name }) => `alter table ${table} enable trigger ${name}`),
  ];
}
