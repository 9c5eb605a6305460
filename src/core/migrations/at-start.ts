// Migrations as a server starts or loads a plugin: run, or only checked, as integration.yaml says.
import { join } from "node:path";
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { ownerOf } from "../base/tenant.ts";
import type { Config } from "../config/config.ts";
import type { Build } from "../plugins/build.ts";
import type { DatabaseService } from "../services/database/database.ts";
import { applicationMigrations } from "./application-migrations.ts";
import { pluginMigrations } from "./plugin-migrations.ts";
import type { MigrationTarget } from "./target.ts";

export interface MigrateOptions {
  config: Config;
  database: DatabaseService;
  logger: Logger;
}

/** Throws `MIGRATION_PENDING` in mode `check`, `MIGRATION_FAILED` or `MIGRATION_CHANGED` in both. */
export async function migrateApplication(options: MigrateOptions): Promise<void> {
  await migrate(applicationMigrations(options.database, options.config), options);
}

/** The same for one plugin, or for what it keeps for a tenant; provisions schema and role first. */
export async function migratePlugin({
  build,
  tenant,
  ...options
}: MigrateOptions & { build: Build; tenant?: string }): Promise<void> {
  const { name, migrations } = build.manifest;
  const folder = join(build.entry.folder, migrations);
  const owner = ownerOf(name, tenant);
  await migrate(pluginMigrations(options.database, { plugin: owner, folder }), options);
}

async function migrate(target: MigrationTarget, { config, logger }: MigrateOptions): Promise<void> {
  if (config.migrations.mode === "check") return check(target);
  const started = performance.now();
  const applied = await target.up();
  if (applied.length === 0) return;
  const ms = Math.round(performance.now() - started);
  logger.info({ target: target.name, migrations: applied, ms }, `migrated ${target.name}`);
}

async function check(target: MigrationTarget): Promise<void> {
  const pending = (await target.status()).filter((one) => one.state !== "applied");
  if (pending.length === 0) return;
  const names = pending.map(({ name, state }) => (state === "pending" ? name : `${name} (${state})`));
  const whose = target.kind === "plugin" ? `plugin '${target.name}'` : "the application";
  throw new XcoreError("MIGRATION_PENDING", `migrations of ${whose} are pending: ${names.join(", ")}`, {
    hint: `Run xcore migrate${target.kind === "plugin" ? ` --plugin ${target.name}` : ""}; or write migrations.mode: auto to have a start run them.`,
    details: { target: target.name, pending: pending.map(({ name }) => name) },
  });
}
