// The database service as the rest of the core sees it, whatever provider is behind it.
import type { Pool } from "pg";
import type { Service } from "../service.ts";

/** How to reach the server; `host` may be the folder of a unix socket. */
export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly ssl: boolean | object | undefined;
}

export interface DatabaseService extends Service {
  /**
   * One transaction at a time, of all connections together: who waits for a second one within a first waits for ever. Then this
   * process is also the only one. Absent: as any Postgres.
   */
  readonly single?: boolean;
  /** The core's own connection: superuser-like, for provisioning and migrations; never handed to a plugin. */
  readonly connection: Connection;
  readonly pool: Pool;
  /**
   * Makes sure that role and schema of a plugin exist; returns the schema's name. Idempotent, safe at the same time from several processes.
   * Owners are plugins, or a plugin and the tenant it keeps data for: `notes@acme` (base/tenant.ts).
   */
  provision(owner: string): Promise<string>;
  /** How to connect as the owner's own role; provisions it first. For its migrations. */
  connectionOf(owner: string): Promise<Connection>;
  /** Whether the plugin owns a schema here. */
  hasPlugin(plugin: string): Promise<boolean>;
  /** Drops schema and role of a plugin with all its data, that of its tenants as well. */
  removePlugin(plugin: string): Promise<void>;
}
