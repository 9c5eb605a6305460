// The database service on any Postgres, embedded or by URL: the core's own pool, and a scoped facade for each plugin.
import { Client, Pool } from "pg";
import { withDeadline } from "../../base/deadline.ts";
import { messageOf, XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { Facade, Health, PluginIdentity } from "../service.ts";
import { ensureCoreSchema } from "./core-schema.ts";
import type { Connection, DatabaseService } from "./database.ts";
import { databaseFacade } from "./facade.ts";
import type { DatabaseLimits } from "./options.ts";
import { PluginPool } from "./plugin-pool.ts";
import { dropPlugin, provisionPlugin, schemaOf, type PluginRole } from "./plugin-roles.ts";

export interface PostgresServiceOptions {
  driver: string;
  connection: Connection;
  limits: DatabaseLimits;
  logger: Logger;
  /** Undoes what the provider did before, after all connections are closed. */
  release?: () => Promise<void>;
}

const oldestVersion = 140_000;

export class PostgresService implements DatabaseService {
  readonly driver: string;
  readonly connection: Connection;
  readonly pool: Pool;
  readonly #options: PostgresServiceOptions;
  readonly #roles = new Map<string, Promise<PluginRole>>();
  readonly #pools = new Map<string, { pool: Promise<PluginPool>; users: number }>();
  readonly #version: string;
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
    this.connection = options.connection;
    this.pool = new Pool({
      ...options.connection,
      max: options.limits.poolSize,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 30_000,
      application_name: "xcore",
    });
    this.pool.on("error", (error) => {
      options.logger.warn({ error: messageOf(error) }, "a database connection was lost");
    });
  }

  async check(timeoutMs: number): Promise<Health> {
    const started = performance.now();
    const health = (ok: boolean, detail: string): Health => ({
      ok,
      latencyMs: performance.now() - started,
      detail,
    });
    try {
      const round = this.pool.query("select 1");
      const message = `no answer within ${timeoutMs} ms`;
      await withDeadline(round, { ms: timeoutMs, code: "SERVICE_UNAVAILABLE", message });
      return health(true, `Postgres ${this.#version}`);
    } catch (error) {
      return health(false, messageOf(error));
    }
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
    this.#roles.delete(plugin);
    await dropPlugin(plugin, this.pool);
  }

  async forPlugin({ name }: PluginIdentity): Promise<Facade> {
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
      return databaseFacade(await entry.pool, release);
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

  async #openPool(plugin: string): Promise<PluginPool> {
    const { limits, logger } = this.#options;
    const terminate = async (backend: number): Promise<void> => {
      await this.pool.query("select pg_terminate_backend($1)", [backend]);
    };
    return new PluginPool({ plugin, connection: await this.connectionOf(plugin), limits, logger, terminate });
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
