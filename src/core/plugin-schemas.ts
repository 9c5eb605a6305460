// What plugins have in the database, for those who install, update and roll back: the migrations floor, seen from below.
import { XcoreError } from "./base/error.ts";
import type { Logger } from "./base/log.ts";
import type { Config } from "./config/config.ts";
import { Ledger } from "./migrations/ledger.ts";
import { pluginMigrations } from "./migrations/plugin-migrations.ts";
import { readSqlFiles } from "./migrations/sql-file.ts";
import type { PluginSchemas, ReadMigrations } from "./plugins/installer/data.ts";
import type { DatabaseService } from "./services/database/database.ts";
import { openServices } from "./services/registry.ts";

export const readMigrations: ReadMigrations = async (folder) =>
  (await readSqlFiles(folder)).map(({ name, checksum, down }) => ({
    name,
    checksum,
    undoable: down !== undefined,
  }));

/** Opens the project's database, attaching where a server runs it. */
export async function openPluginSchemas(config: Config, logger: Logger): Promise<PluginSchemas> {
  const { database } = config.services;
  if (database === undefined)
    throw new XcoreError("CONFIG_INVALID", "integration.yaml has no services.database");
  const services = await openServices({ ...config, services: { database } }, { logger });
  return { ...schemasOf(services.database), [Symbol.asyncDispose]: () => services[Symbol.asyncDispose]() };
}

/** Of a database that is open already; disposing leaves it so. */
export function schemasOf(database: DatabaseService): PluginSchemas {
  return {
    applied: async (plugin) => (await new Ledger(database.pool, plugin).applied()).map(({ name }) => name),
    async undo(plugin, folder, to) {
      await pluginMigrations(database, { plugin, folder }).down({ to });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}
