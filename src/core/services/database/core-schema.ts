// The core's own tables in the schema `xcore`, and the lock that plugins can't take.
import { escapeIdentifier, type Client, type Pool, type PoolClient } from "pg";
import { XcoreError } from "../../base/error.ts";
import { sqlState } from "./failures.ts";

const version = 1;
/** Of the advisory lock under which they are made. */
export const bootstrapKey = 7_230_186;

const tables = `
  create schema if not exists xcore;
  create table xcore.plugins (
    name text primary key,
    role text not null unique,
    password text not null,
    settings text not null
  );
  create table xcore.migrations (
    plugin text not null,
    name text not null,
    checksum text not null,
    -- Applying or removing, in a transaction of the plugin's own role: after a crash its number tells how that ended.
    state text not null check (state in ('applying', 'applied', 'removing')),
    xid text not null,
    applied_at timestamptz not null default now(),
    primary key (plugin, name)
  );
  create table xcore.locks (name text primary key);
  revoke all on schema public from public;
  comment on schema xcore is 'xcore ${version}';
`;

/** Makes the core's tables where they are missing; safe at the same time from several processes. */
export async function ensureCoreSchema(client: Client): Promise<void> {
  const found = await readState(client);
  if (found.version === version) await setSearchPath(client, found);
  else await createTables(client);
}

/** A user called xcore would by default make its unqualified tables among the core's own. */
async function setSearchPath(client: Client, { user, database, searchPath }: State): Promise<void> {
  if (user !== "xcore" || searchPath !== defaultSearchPath) return;
  await client.query(
    `alter role current_user in database ${escapeIdentifier(database)} set search_path = public`,
  );
}

const defaultSearchPath = '"$user", public';

async function createTables(client: Client): Promise<void> {
  await client.query("begin");
  // No plugin exists before these tables do, so here an advisory lock can't be held by one.
  await client.query("select pg_advisory_xact_lock($1)", [bootstrapKey]);
  const found = await readState(client);
  if (found.version !== version) {
    await client.query(tables).catch((error: unknown) => {
      if (sqlState(error) !== "42501") throw error;
      throw new XcoreError(
        "SERVICE_FAILED",
        "the database user may not create the schema 'xcore' for the core's tables",
        {
          hint: "Let it own the database: alter database <name> owner to <user>; alter role <user> createrole",
          cause: error,
        },
      );
    });
    await setSearchPath(client, found);
  }
  await client.query("commit");
}

interface State {
  version: number | undefined;
  user: string;
  database: string;
  searchPath: string;
}

async function readState(client: Client): Promise<State> {
  const { rows } = await client.query<{
    comment: string | null;
    user: string;
    database: string;
    path: string;
  }>(
    // From the table: to_regnamespace() may answer from what its session found before it waited for the lock.
    `select (select obj_description(oid, 'pg_namespace') from pg_namespace where nspname = 'xcore') as comment,
       current_user as user, current_database() as database, current_setting('search_path') as path`,
  );
  const { comment, user = "", database = "", path = "" } = rows[0] ?? {};
  const match = /^xcore (\d+)$/.exec(comment ?? "");
  const found = match === null ? undefined : Number(match[1]);
  if (found === undefined || found <= version) return { version: found, user, database, searchPath: path };
  throw new XcoreError(
    "SERVICE_FAILED",
    `this database was used by a newer xcore (its tables are version ${found}, known is ${version})`,
    { hint: "Upgrade xcore in this project, or connect another database." },
  );
}

/**
 * Runs `work` while no other process holds the lock of this name; a second one waits. A row lock in the core's schema:
 * an advisory lock could be taken by any plugin, for ever.
 */
export async function withLock<T>(
  pool: Pool,
  name: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  await pool.query("insert into xcore.locks (name) values ($1) on conflict do nothing", [name]);
  return inTransaction(pool, async (client) => {
    await client.query("select from xcore.locks where name = $1 for update", [name]);
    return work(client);
  });
}

/** Commits when `work` resolves, rolls back when it rejects. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch(() => (broken = true));
    throw error;
  } finally {
    client.release(broken);
  }
}
