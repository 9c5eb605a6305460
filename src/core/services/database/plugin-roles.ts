// A plugin's own schema and role: what it may do is decided here, by Postgres' own rights and not by reading its SQL.
import { escapeIdentifier, escapeLiteral, type Pool, type PoolClient } from "pg";
import { createHash, randomBytes } from "node:crypto";
import { XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { partsOf } from "../../base/tenant.ts";
import { withLock } from "./core-schema.ts";
import { sqlState } from "./failures.ts";
import type { DatabaseLimits } from "./options.ts";
import { randomPassword, scramVerifier } from "./scram.ts";

export interface PluginRole {
  readonly schema: string;
  readonly role: string;
  readonly password: string;
}

/** Bounds the sessions of all core processes together; each process's own pool is smaller. */
const connectionFactor = 16;

/**
 * `plugin_` and the name with `_` for `-` (a plugin's name holds no `_`, so no two meet); `tenant_acme__notes` for what it keeps for a
 * tenant. A role's name has at most 63 bytes and may need nine more than its schema's: names that are too long are cut, and told
 * apart by a hash.
 */
export function schemaOf(owner: string): string {
  const { plugin, tenant } = partsOf(owner);
  for (const name of [plugin, tenant ?? "x"]) {
    if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
      throw new XcoreError("INPUT_INVALID", `'${name}' is no name of a plugin or a tenant`, {
        hint: "Names are lower-case letters, digits and dashes, and start with a letter.",
      });
    }
  }
  const [ofPlugin, ofTenant] = [plugin, tenant].map((name) => name?.replaceAll("-", "_"));
  if (ofTenant === undefined) return `plugin_${ofPlugin}`;
  const plain = `tenant_${ofTenant}__${ofPlugin}`;
  if (plain.length <= longestPlain) return plain;
  const hash = createHash("sha256").update(owner).digest("hex").slice(0, 12);
  return `tenant_${ofTenant.slice(0, 14)}__${ofPlugin?.slice(0, 14)}__${hash}`;
}

const longestPlain = 54;

export interface ProvisionOptions {
  pool: Pool;
  limits: DatabaseLimits;
  logger: Logger;
}

/** Makes schema and role, or finds them as they should be: then it costs one query. */
export async function provisionPlugin(plugin: string, options: ProvisionOptions): Promise<PluginRole> {
  const schema = schemaOf(plugin);
  const settings = JSON.stringify(roleSettings(schema, options.limits));
  const known = await findRole(options.pool, plugin);
  if (known?.settings === settings && known.complete) return { schema, ...known };
  return withLock(options.pool, `plugin:${plugin}`, async (client) => {
    const found = await findRole(client, plugin);
    const role = found?.role ?? (await freeRoleName(client, schema));
    const password = found?.password ?? randomPassword();
    await makeRole(client, { schema, role, password }, options);
    await client.query(
      `insert into xcore.plugins (name, role, password, settings) values ($1, $2, $3, $4)
       on conflict (name) do update set settings = excluded.settings`,
      [plugin, role, password, settings],
    );
    return { schema, role, password };
  });
}

/** Drops schema and role with all that is in them, and what the core remembers of the plugin. */
export async function dropPlugin(plugin: string, pool: Pool): Promise<void> {
  const schema = schemaOf(plugin);
  await withLock(pool, `plugin:${plugin}`, async (client) => {
    const role = (await findRole(client, plugin))?.role;
    const exists = role !== undefined && (await roleExists(client, role));
    if (exists) {
      await client.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [role]);
    }
    await client.query(`drop schema if exists ${escapeIdentifier(schema)} cascade`);
    if (exists) {
      await client.query(`drop owned by ${escapeIdentifier(role)} cascade`);
      await client.query(`drop role ${escapeIdentifier(role)}`);
    }
    await client.query("delete from xcore.migrations where plugin = $1", [plugin]);
    await client.query("delete from xcore.plugins where name = $1", [plugin]);
  });
}

interface KnownRole {
  role: string;
  password: string;
  settings: string;
  /** Role and schema are really there. */
  complete: boolean;
}

async function findRole(client: Pool | PoolClient, plugin: string): Promise<KnownRole | undefined> {
  const { rows } = await client.query<KnownRole>(
    `select role, password, settings, exists (
       select from pg_namespace n join pg_roles r on r.oid = n.nspowner where n.nspname = $2 and r.rolname = p.role
     ) as complete from xcore.plugins p where name = $1`,
    [plugin, schemaOf(plugin)],
  );
  return rows[0];
}

async function roleExists(client: PoolClient, role: string): Promise<boolean> {
  const { rowCount } = await client.query("select from pg_roles where rolname = $1", [role]);
  return rowCount !== 0;
}

/** Roles belong to the whole server: another xcore's database on it may use the plain name already. A found one is never taken over. */
async function freeRoleName(client: PoolClient, schema: string): Promise<string> {
  return (await roleExists(client, schema)) ? `${schema}_${randomBytes(4).toString("hex")}` : schema;
}

function roleSettings(schema: string, limits: DatabaseLimits): Record<string, string> {
  return {
    search_path: schema,
    statement_timeout: `${limits.statementTimeoutMs}ms`,
    lock_timeout: `${limits.lockTimeoutMs}ms`,
    idle_in_transaction_session_timeout: `${limits.transactionTimeoutMs}ms`,
    connection_limit: String(limits.pluginConnections * connectionFactor),
    temp_file_limit: `${Math.ceil(limits.tempFileBytes / 1024)}kB`,
    // What a plugin's faulty statements write into the server's log would fill the disk.
    log_min_messages: "fatal",
  };
}

const superuserSettings = ["temp_file_limit", "log_min_messages"];

async function makeRole(client: PoolClient, wanted: PluginRole, options: ProvisionOptions): Promise<void> {
  const role = escapeIdentifier(wanted.role);
  const schema = escapeIdentifier(wanted.schema);
  const { connection_limit: connections, ...settings } = roleSettings(wanted.schema, options.limits);
  const { rows } = await client.query<{ super: boolean; name: string; database: string }>(
    "select current_setting('is_superuser') = 'on' as super, current_user as name, current_database() as database",
  );
  const { super: isSuperuser = false, name: user = "", database = "" } = rows[0] ?? {};
  const rights = `login noinherit nocreatedb nocreaterole connection limit ${connections}`;
  if (!(await roleExists(client, wanted.role))) {
    const verifier = await scramVerifier(wanted.password);
    await client
      .query(`create role ${role} ${rights} password ${escapeLiteral(verifier)}`)
      .catch((error: unknown) => {
        throw mayNotCreateRoles(error, user);
      });
  } else await client.query(`alter role ${role} ${rights}`);
  if (!isSuperuser) await client.query(`grant ${role} to current_user`);
  for (const [name, value] of Object.entries(settings)) {
    if (!isSuperuser && superuserSettings.includes(name)) continue;
    await client.query(`alter role ${role} set ${name} = ${escapeLiteral(value)}`);
  }
  if (!isSuperuser) {
    const fields = { role: wanted.role, settings: superuserSettings };
    options.logger.debug(fields, "the database user is no superuser: these limits of a plugin are not set");
  }
  await client.query(`create schema if not exists ${schema} authorization ${role}`);
  await client.query(`alter schema ${schema} owner to ${role}`);
  await client.query(
    `do $$ begin if not has_database_privilege(${escapeLiteral(wanted.role)}, ${escapeLiteral(database)}, 'connect') then
       grant connect on database ${escapeIdentifier(database)} to ${role}; end if; end $$`,
  );
}

function mayNotCreateRoles(error: unknown, user: string): unknown {
  if (sqlState(error) !== "42501") return error;
  return new XcoreError("SERVICE_FAILED", `the database user '${user}' may not create the role of a plugin`, {
    hint: `As a superuser: alter role ${escapeIdentifier(user)} createrole`,
    cause: error,
  });
}
