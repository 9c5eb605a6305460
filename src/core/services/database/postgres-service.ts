// The database service on any Postgres, embedded or by URL: the core's own pool, and a scoped facade for each plugin.
import { Client, Pool } from "pg";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { Facade, Health, PluginIdentity } from "../service.ts";
import { ensureCoreSchema } from "./core-schema.ts";
import type { Connection, DatabaseService } from "./database.ts";
import { databaseFacade } from "./facade.ts";
import { FullDisk } from "./full-disk.ts";
import type { DatabaseLimits } from "./options.ts";
import { PluginPool } from "./plugin-pool.ts";
import { dropPlugin, provisionPlugin, schemaOf, type PluginRole } from "./plugin-roles.ts";
import { checkPool } from "./round-trip.ts";
import { StorageQuotas } from "./storage-quota.ts";
import { TenantPools } from "./tenant-pools.ts";

export interface PostgresServiceOptions {
  driver: string;
  connection: Connection;
  limits: DatabaseLimits;
  logger: Logger;
  /** One transaction at a time, of all connections together. Default false. */
  single?: boolean;
  /** Throws when the plugin can't be served here. */
  admit?(plugin: PluginIdentity): void;
  /** Undoes what the provider did before, after all connections are closed. */
  release?: () => Promise<void>;
}

const oldestVersion = 140_000;

export class PostgresService implements DatabaseService {
  readonly driver: string;
  readonly tenants: boolean;
  readonly single: boolean;
  readonly connection: Connection;
  readonly pool: Pool;
  readonly #options: PostgresServiceOptions;
  readonly #roles = new Map<string, Promise<PluginRole>>();
  readonly #pools = new Map<string, { pool: Promise<PluginPool>; users: number }>();
  readonly #tenants: TenantPools;
  readonly #storage: StorageQuotas;
  readonly #version: string;
  readonly #disk = new FullDisk();
  #closing: Promise<void> | undefined;

  /** Connects, checks the server's version and makes the core's tables. */
  static async open(options: PostgresServiceOptions): Promise<PostgresService> {
    const client = new Client({
      ...options.connection,
      connectionTimeoutMillis: 5_000,
      application_name: "xcore",
    });
    client.on("error", () => undefined);
    try {
      await client.connect();
      const version = await checkVersion(client);
      await ensureCoreSchema(client);
      return new PostgresService(options, version);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private constructor(options: PostgresServiceOptions, version: string) {
    this.#version = version;
    this.#options = options;
    this.driver = options.driver;
    this.single = options.single ?? false;
    // Their schemas are kept apart by roles.
    this.tenants = !this.single;
    this.connection = options.connection;
    this.pool = new Pool({
      ...options.connection,
      max: options.limits.poolSize,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 30_000,
      keepAlive: true,
      application_name: "xcore",
    });
    this.#storage = new StorageQuotas(this.pool);
    const { tenantConnections, pluginConnections } = options.limits;
    this.#tenants = new TenantPools({
      open: (owner) => this.#openPool(owner),
      forget: (owner) => this.#roles.delete(owner),
      most: Math.max(1, Math.floor(tenantConnections / pluginConnections)),
    });
    this.pool.on("error", (error) => {
      options.logger.warn({ error: messageOf(error) }, "a database connection was lost");
    });
  }

  async check(timeoutMs: number): Promise<Health> {
    const health = await checkPool(this.pool, timeoutMs, `Postgres ${this.#version}`);
    if (!health.ok) {
      for (const { pool } of this.#pools.values()) {
        pool.then(
          (open) => open.dropIdle(),
          () => undefined,
        );
      }
    }
    return this.#disk.judge(health);
  }

  async provision(plugin: string): Promise<string> {
    return (await this.#role(plugin)).schema;
  }

  async connectionOf(plugin: string): Promise<Connection> {
    const { role, password } = await this.#role(plugin);
    return { ...this.connection, user: role, password };
  }

  async hasPlugin(plugin: string): Promise<boolean> {
    const { rows } = await this.pool.query<{ found: boolean }>(
      "select to_regnamespace($1) is not null as found",
      [schemaOf(plugin)],
    );
    return rows[0]?.found === true;
  }

  async removePlugin(plugin: string): Promise<void> {
    await this.#tenants.close({ plugin });
    for (const owner of await this.#owners(`${plugin}@%`)) await dropPlugin(owner, this.pool);
    this.#roles.delete(plugin);
    await dropPlugin(plugin, this.pool);
  }

  async removeTenant(tenant: string): Promise<void> {
    // Its statements end with their sessions, which the drop terminates.
    const closing = this.#tenants.close({ tenant });
    for (const owner of await this.#owners(`%@${tenant}`)) {
      this.#roles.delete(owner);
      await dropPlugin(owner, this.pool);
    }
    await closing;
  }

  async forPlugin(plugin: PluginIdentity): Promise<Facade> {
    this.#options.admit?.(plugin);
    const { name } = plugin;
    const entry = this.#pools.get(name) ?? { pool: this.#openPool(name), users: 0 };
    this.#pools.set(name, entry);
    entry.users += 1;
    const release = async (): Promise<void> => {
      entry.users -= 1;
      if (entry.users > 0) return;
      if (this.#pools.get(name) === entry) this.#pools.delete(name);
      // Another process may drop it while nothing of it is loaded here.
      this.#roles.delete(name);
      await (await entry.pool).end();
    };
    try {
      const own = await entry.pool;
      return databaseFacade(
        (tenant, work) =>
          tenant === undefined
            ? work(own, false)
            : this.#tenants.use(name, tenant, async (pool) => work(pool, await this.#storage.isFull(tenant))),
        release,
      );
    } catch (error) {
      entry.users -= 1;
      if (this.#pools.get(name) === entry) this.#pools.delete(name);
      throw error;
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.allSettled([...this.#pools.values()].map(async ({ pool }) => (await pool).end()));
    this.#pools.clear();
    await this.#tenants.closeAll();
    await this.pool.end();
    await this.#options.release?.();
  }

  #role(plugin: string): Promise<PluginRole> {
    const known = this.#roles.get(plugin);
    if (known !== undefined) return known;
    const { limits, logger } = this.#options;
    const fresh = provisionPlugin(plugin, { pool: this.pool, limits, logger });
    this.#roles.set(plugin, fresh);
    fresh.catch(() => this.#roles.delete(plugin));
    return fresh;
  }

  /** Names hold no `%` and no `_`: a pattern means what it says. */
  async #owners(pattern: string): Promise<string[]> {
    const { rows } = await this.pool.query<{ name: string }>(
      "select name from xcore.plugins where name like $1 order by name",
      [pattern],
    );
    return rows.map(({ name }) => name);
  }

  async #openPool(plugin: string): Promise<PluginPool> {
    const { limits } = this.#options;
    const terminate = async (backend: number): Promise<void> => {
      await this.pool.query("select pg_terminate_backend($1)", [backend]);
    };
    const connection = await this.connectionOf(plugin);
    // Where all connections are one session, a name that one gives another would take.
    const prepare = !this.single;
    return new PluginPool({ plugin, connection, limits, disk: this.#disk, prepare, terminate });
  }
}

async function checkVersion(client: Client): Promise<string> {
  const { rows } = await client.query<{ number: string; version: string }>(
    "select current_setting('server_version_num') as number, current_setting('server_version') as version",
  );
  const version = (rows[0]?.version ?? "").split(" ")[0] ?? "";
  if (Number(rows[0]?.number) >= oldestVersion) return version;
  throw new XcoreError("SERVICE_FAILED", `the server is Postgres ${version}; xcore needs 14 or newer`, {
    hint: "Upgrade the server, or use driver: embedded.",
  });
}
