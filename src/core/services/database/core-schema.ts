// The core's own tables in the schema `xcore`, and the lock that plugins can't take.
import type { Pool, PoolClient } from "pg";
import { XcoreError } from "../../base/error.ts";
import { sqlState } from "./failures.ts";

const version = 1;
const bootstrapKey = 7_230_186;

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
    -- The plugin's own transaction: tells after a crash between two commits whether it went through.
    xid text not null,
    confirmed boolean not null default false,
    applied_at timestamptz not null default now(),
    primary key (plugin, name)
  );
  create table xcore.locks (name text primary key);
  revoke all on schema public from public;
  comment on schema xcore is 'xcore ${version}';
`;

/** Makes the core's tables where they are missing; safe at the same time from several processes. */
export async function ensureCoreSchema(pool: Pool): Promise<void> {
  if ((await foundVersion(pool)) === version) return;
  await inTransaction(pool, async (client) => {
    // No plugin exists before these tables do, so here an advisory lock can't be held by one.
    await client.query("select pg_advisory_xact_lock($1)", [bootstrapKey]);
    if ((await foundVersion(client)) === version) return;
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
  });
}

async function foundVersion(client: Pool | PoolClient): Promise<number | undefined> {
  const { rows } = await client.query<{ comment: string | null }>(
    "select obj_description(to_regnamespace('xcore')::oid, 'pg_namespace') as comment",
  );
  const match = /^xcore (\d+)$/.exec(rows[0]?.comment ?? "");
  if (match === null) return undefined;
  const found = Number(match[1]);
  if (found <= version) return found;
  throw new XcoreError(
    "SERVICE_FAILED",
    `this database was used by a newer xcore (its tables are version ${found}, known is ${version})`,
    {
      hint: "Upgrade xcore in this project, or connect another database.",
    },
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
