// Which schemas belong to what: the application's (public and those its entities name), and one of each plugin.
import { escapeIdentifier, type Client, type PoolClient } from "pg";
import { XcoreError } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import type { DatabaseService } from "../../services/database/database.ts";
import { schemaOf } from "../../services/database/plugin-roles.ts";

export async function schemasOfTarget(target: string, config: Config): Promise<string[]> {
  if (target !== "application") return [schemaOf(target)];
  if (config.migrations.entities.length === 0) return ["public"];
  const { loadEntities, schemasOf } = await import("../orm.ts");
  return [...new Set(["public", ...schemasOf(await loadEntities(config.migrations.entities))])];
}

/** Every plugin with a schema here, also one that was uninstalled and whose data was kept. */
export async function pluginsWithData(database: DatabaseService): Promise<string[]> {
  const { rows } = await database.pool.query<{ name: string }>(
    "select name from xcore.plugins order by name",
  );
  return rows.map(({ name }) => name);
}

/** Throws `PART_MISSING` where the database has no COPY, of which dumps are made: on PGlite. */
export function assertDumps(database: DatabaseService): void {
  if (database.single !== true) return;
  throw new XcoreError(
    "PART_MISSING",
    `dumps are made by COPY, which driver ${database.driver} does not have`,
    {
      hint: "Stop the server and copy the folder .xcore/database instead; or use driver: embedded, or postgres and its url.",
    },
  );
}

/** Settings under which values are written, and read back, as they are. */
export async function plainSession(client: Client): Promise<void> {
  await client.query(
    `set search_path = pg_catalog; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres';
     set statement_timeout = 0; set lock_timeout = '1min'; set row_security = off; set client_encoding = 'UTF8'`,
  );
}

/** Drops all that is in them, extensions excepted, and forgets the migrations: as if nothing had ever been applied. */
export async function emptySchemas(
  client: Client | PoolClient,
  target: string,
  schemas: readonly string[],
): Promise<void> {
  await client.query("begin");
  try {
    await client.query("set local search_path = pg_catalog");
    const { rows } = await client.query<{ statement: string }>(objects, [schemas]);
    for (const { statement } of rows) await client.query(statement);
    for (const schema of schemas.filter((name) => target === "application" && name !== "public"))
      await client.query(`drop schema if exists ${escapeIdentifier(schema)}`);
    await client.query("delete from xcore.migrations where plugin = $1", [
      target === "application" ? "" : target,
    ]);
    await client.query("commit");
  } catch (error) {
    await client.query("rollback").catch(() => undefined);
    throw error;
  }
}

// Tables first: what hangs on them goes with them, and `if exists` passes over it.
const objects = `
  select format('drop %s if exists %s cascade', kind, name) as statement from (
    select case c.relkind when 'r' then 'table' when 'p' then 'table' when 'v' then 'view'
        when 'm' then 'materialized view' when 'f' then 'foreign table' when 'S' then 'sequence' end as kind,
      format('%I.%I', n.nspname, c.relname) as name, c.oid, 'pg_class'::regclass as class,
      case when c.relkind in ('r', 'p') then 1 else 2 end as rank
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any($1) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'routine', p.oid::regprocedure::text, p.oid, 'pg_proc'::regclass, 3
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = any($1)
    union all
    select 'type', format('%I.%I', n.nspname, t.typname), t.oid, 'pg_type'::regclass, 4
    from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
    where n.nspname = any($1) and (t.typtype in ('e', 'd', 'r') or (t.typtype = 'c' and c.relkind = 'c'))
  ) as o
  where not exists (select from pg_depend d where d.classid = o.class and d.objid = o.oid and d.deptype = 'e')
  order by rank`;
