// What plugins have in the database, for those who install, update and roll back: the migrations floor, seen from below.
import { XcoreError } from "./base/error.ts";
import type { Logger } from "./base/log.ts";
import { partsOf } from "./base/tenant.ts";
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
    async applied(plugin) {
      const owners = await ownersOf(plugin, database);
      return Promise.all(
        owners.map(async (owner) => {
          const applied = await new Ledger(database.pool, owner).applied();
          return { owner, names: applied.map(({ name }) => name) };
        }),
      );
    },
    async apply(plugin, folder) {
      const owners = new Set([plugin, ...(await ownersOf(plugin, database))]);
      for (const owner of owners) await pluginMigrations(database, { plugin: owner, folder }).up();
    },
    async undo(owner, folder, to) {
      await pluginMigrations(database, { plugin: owner, folder }).down({ to });
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function ownersOf(plugin: string, database: DatabaseService): Promise<string[]> {
  const { rows } = await database.pool.query<{ owner: string }>(
    "select distinct plugin as owner from xcore.migrations order by plugin",
  );
  return rows.map(({ owner }) => owner).filter((owner) => partsOf(owner).plugin === plugin);
}
