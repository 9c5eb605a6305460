// Writes a dump without pg_dump: every row as it is at one moment, by COPY. Tables come back from migrations, so none are in it.
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { Client, escapeIdentifier } from "pg";
import { to as copyTo } from "pg-copy-streams";
import { XcoreError } from "../../base/error.ts";
import { packageVersion } from "../../base/package-root.ts";
import { partsOf } from "../../base/tenant.ts";
import type { Config } from "../../config/config.ts";
import type { DatabaseService } from "../../services/database/database.ts";
import { applicationMigrations } from "../application-migrations.ts";
import { ormTable } from "../table.ts";
import { endText, headText, rowsEndText, type DumpTarget } from "./format.ts";
import { assertDumps, plainSession, pluginsWithData, schemasOfTarget } from "./schemas.ts";

export interface DumpOptions {
  database: DatabaseService;
  config: Config;
  /** Absolute; one that ends in .gz is compressed. */
  file: string;
  /** Only this plugin's, with what it keeps for tenants. */
  plugin: string | undefined;
  /** Only what plugins keep for this tenant. */
  tenant?: string | undefined;
}

export interface DumpReport {
  readonly file: string;
  readonly targets: readonly { target: string; tables: number; rows: number }[];
}

interface Table {
  name: string;
  /** `p`: partitioned; its rows are read through it. */
  kind: "r" | "p";
  columns: string[];
}

/** The file appears when it is whole, readable by its owner only. */
export async function dumpDatabase(options: DumpOptions): Promise<DumpReport> {
  const { database, file } = options;
  assertDumps(database);
  const client = new Client({ ...database.connection, application_name: "xcore dump" });
  client.on("error", () => undefined);
  await client.connect();
  const part = `${file}.part`;
  try {
    await plainSession(client);
    await client.query("begin isolation level repeatable read read only");
    const targets: { target: string; tables: number; rows: number }[] = [];
    const text = Readable.from(dumpText(client, options, targets));
    const out = createWriteStream(part, { mode: 0o600 });
    await (file.endsWith(".gz") ? pipeline(text, createGzip(), out) : pipeline(text, out));
    await rename(part, file);
    return { file, targets };
  } catch (error) {
    await rm(part, { force: true });
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function* dumpText(
  client: Client,
  { database, config, plugin, tenant }: DumpOptions,
  report: { target: string; tables: number; rows: number }[],
): AsyncGenerator<string | Buffer, void, undefined> {
  const known = await pluginsWithData(database);
  if (plugin !== undefined && !known.includes(plugin)) {
    throw new XcoreError("PLUGIN_NOT_FOUND", `plugin '${plugin}' has no data in this database`, {
      hint: known.length === 0 ? "No plugin has any." : `These have: ${known.join(", ")}.`,
    });
  }
  const names =
    plugin === undefined && tenant === undefined
      ? ["application", ...known]
      : known.filter((owner) => {
          const parts = partsOf(owner);
          return plugin === undefined ? parts.tenant === tenant : [owner, parts.plugin].includes(plugin);
        });
  const targets: DumpTarget[] = [];
  for (const target of names)
    targets.push({ target, migrations: await appliedTo(target, { database, config }) });
  const { rows: versions } = await client.query<{ server_version: string }>("show server_version");
  yield headText({
    project: config.name,
    xcore: packageVersion(),
    postgres: versions[0]?.server_version ?? "",
    made: new Date().toISOString(),
    targets,
  });
  for (const target of names) {
    const schemas = await schemasOfTarget(target, config);
    const tables = await tablesOf(client, schemas);
    let rows = 0;
    yield `-- ${target}\n`;
    for (const { name, kind, columns } of tables) {
      const list = columns.map((column) => escapeIdentifier(column)).join(", ");
      yield `copy ${name} (${list}) from stdin;\n`;
      const source = client.query(
        copyTo(`copy (select ${list} from ${kind === "r" ? "only " : ""}${name}) to stdout`),
      );
      for await (const chunk of source) yield chunk as Buffer;
      rows += source.rowCount;
      yield rowsEndText;
    }
    yield* afterRows(client, schemas);
    report.push({ target, tables: tables.length, rows });
  }
  yield endText;
}

async function appliedTo(
  target: string,
  { database, config }: { database: DatabaseService; config: Config },
): Promise<DumpTarget["migrations"]> {
  const { rows } = await database.pool.query<{ name: string; checksum: string }>(
    "select name, checksum from xcore.migrations where plugin = $1 and state = 'applied' order by applied_at, name",
    [target === "application" ? "" : target],
  );
  if (target !== "application") return rows;
  const applied = (await applicationMigrations(database, config).status()).filter(
    ({ state }) => state !== "pending",
  );
  return applied.map(({ name }) => ({
    name,
    checksum: rows.find((row) => row.name === name)?.checksum ?? "",
  }));
}

/** Partitions are read through their table; what belongs to an extension, and MikroORM's own table, is left out. */
async function tablesOf(client: Client, schemas: readonly string[]): Promise<Table[]> {
  const { rows } = await client.query<Table>(
    `select format('%I.%I', n.nspname, c.relname) as name, c.relkind as kind, array(
       select attname::text from pg_attribute
       where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '' order by attnum) as columns
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1) and c.relkind in ('r', 'p') and not c.relispartition
       and not (n.nspname = 'public' and c.relname = $2)
       and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
     order by 1`,
    [schemas, ormTable],
  );
  return rows.filter(({ columns }) => columns.length > 0);
}

/** Where sequences stand, and materialized views made anew. */
async function* afterRows(client: Client, schemas: readonly string[]): AsyncGenerator<string> {
  const { rows } = await client.query<{ name: string; kind: "S" | "m" }>(
    `select format('%I.%I', n.nspname, c.relname) as name, c.relkind as kind
     from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any($1) and c.relkind in ('S', 'm') order by c.oid`,
    [schemas],
  );
  for (const { name, kind } of rows) {
    if (kind === "m") yield `refresh materialized view ${name};\n`;
    else {
      const state = await client.query<{ text: string }>(
        `select format('select setval(%L, %s, %L);', $1::text, last_value, is_called) as text from ${name}`,
        [name],
      );
      yield `${state.rows[0]?.text ?? ""}\n`;
    }
  }
}
