// What plugins keep in the services, for the one who installs and uninstalls them.
import type { Logger } from "../../base/log.ts";
import { XcoreError } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { openServices } from "../../services/registry.ts";

export interface PluginData extends AsyncDisposable {
  /** Whether it has a schema in the database. */
  has(plugin: string): Promise<boolean>;
  /** Removes what every service keeps for it. */
  drop(plugin: string): Promise<void>;
}

/** A migration file of a plugin. */
export interface MigrationFile {
  readonly name: string;
  /** Of what it does, not of what undoes it. */
  readonly checksum: string;
  /** Whether it says how it is undone. */
  readonly undoable: boolean;
}

/** The migrations in a folder, in the order they run; an absent folder holds none. */
export type ReadMigrations = (folder: string) => Promise<readonly MigrationFile[]>;

/** What was applied to the plugins' schemas. */
export interface PluginSchemas extends AsyncDisposable {
  /** The plugin's own schema and those it has for tenants, as far as anything was applied to them. */
  applied(plugin: string): Promise<AppliedMigrations[]>;
  /** Applies what is pending in `folder` to all of them. Throws `MIGRATION_FAILED`. */
  apply(plugin: string, folder: string): Promise<void>;
  /** Undoes in one of them all that came after `to` (`0`: all) by the files in `folder`. Throws `MIGRATION_FAILED`. */
  undo(owner: string, folder: string, to: string): Promise<void>;
}

export interface AppliedMigrations {
  /** The plugin, or the plugin for one tenant: `notes@acme`. */
  readonly owner: string;
  /** In the order they were applied. */
  readonly names: readonly string[];
}

/** Opens the project's database, and the other services only to drop something; a running server has them open too. */
export async function openPluginData(config: Config, logger: Logger): Promise<PluginData> {
  const { database } = config.services;
  if (database === undefined)
    throw new XcoreError("CONFIG_INVALID", "integration.yaml has no services.database");
  const opened = await openServices({ ...config, services: { database } }, { logger });
  return {
    has: (plugin) => opened.database.hasPlugin(plugin),
    drop: async (plugin) => {
      await using all = await openServices(config, { logger });
      await all.removePlugin(plugin);
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
