// Migrations from the command line: opens the database alone (attaching when a server runs it) and knows every target.
import { join } from "node:path";
import { suggestion } from "../base/nearest.ts";
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { ownerOf, partsOf } from "../base/tenant.ts";
import type { Config } from "../config/config.ts";
import { readCatalog, type CatalogEntry } from "../plugins/catalog.ts";
import { installedPlugins } from "../plugins/installed.ts";
import { readLock } from "../plugins/lock.ts";
import type { DatabaseService } from "../services/database/database.ts";
import { openServices } from "../services/registry.ts";
import { TenantStore } from "../services/tenants/store.ts";
import { applicationMigrations } from "./application-migrations.ts";
import { pluginMigrations } from "./plugin-migrations.ts";
import { applicationSeeds, pluginSeeds, type SeededTarget, type Seeds } from "./seeds.ts";
import type { CreateOptions, CreateResult, MigrationTarget } from "./target.ts";

export interface MigrationSession extends AsyncDisposable {
  readonly application: MigrationTarget;
  /** Application first, then every plugin with the database permission, by name, each followed by its tenants (`notes@acme`). */
  readonly all: readonly MigrationTarget[];
  /** Undefined: the application. Throws `PLUGIN_NOT_FOUND`, `TENANT_UNKNOWN`, or what is wrong with the plugin's manifest. */
  target(owner: string | undefined): MigrationTarget;
  /** Refuses for an installed plugin: its files belong to its author. */
  create(plugin: string | undefined, options: CreateOptions): Promise<CreateResult>;
  /** Runs the seeds of the application, then of every plugin, or of that one only; returns the files that were run. */
  seed(plugin: string | undefined): Promise<SeededTarget[]>;
  readonly database: DatabaseService;
}

export async function openMigrations(config: Config, logger: Logger): Promise<MigrationSession> {
  const { database: service } = config.services;
  if (service === undefined) {
    throw new XcoreError("CONFIG_INVALID", "integration.yaml has no services.database", {
      hint: "Declare it: services: { database: { driver: embedded } }",
    });
  }
  const lock = await readLock(config.workspace);
  const entries = await readCatalog(config, await installedPlugins(config, lock));
  const mayUse = (entry: CatalogEntry): boolean =>
    entry.source !== "installed" || lock.plugins[entry.name]?.approved.database === true;
  const services = await openServices({ ...config, services: { database: service } }, { logger });
  const application = applicationMigrations(services.database, config);
  const owned = entries.filter((entry) => entry.manifest?.permissions.database === true && mayUse(entry));
  const tenants = await new TenantStore(services.database.pool).known();
  const tenantsOf = ({ name }: CatalogEntry): string[] =>
    tenants
      .filter(({ plugins }) => plugins?.includes(name) ?? true)
      .map((tenant) => ownerOf(name, tenant.name));
  const targets = owned.flatMap((entry) =>
    [entry.name, ...tenantsOf(entry)].map((owner) => targetOf(entry, services.database, owner)),
  );
  const seedsOf = (entry: CatalogEntry): Seeds => pluginSeeds(services.database, entry.name, entry.folder);
  return {
    application,
    all: [application, ...targets],
    target(owner) {
      if (owner === undefined) return application;
      const { plugin, tenant } = partsOf(owner);
      const known = tenants.map(({ name }) => name);
      if (tenant !== undefined && !known.includes(tenant)) throw unknownTenant(tenant, known);
      return targetOf(findPlugin(plugin, entries), services.database, owner);
    },
    async create(plugin, options) {
      if (plugin === undefined) return application.create(options);
      const entry = findPlugin(plugin, entries);
      if (entry.source !== "installed") return targetOf(entry, services.database, entry.name).create(options);
      throw new XcoreError(
        "FORBIDDEN",
        `plugin '${plugin}' is an installed one; its migrations come with it`,
        {
          hint: "Write migrations for the plugins in your plugins/ folder only.",
        },
      );
    },
    async seed(plugin) {
      const seeds =
        plugin === undefined
          ? [applicationSeeds(services.database, config), ...owned.map(seedsOf)]
          : [seedsOf(findPlugin(plugin, entries))];
      const seeded: SeededTarget[] = [];
      for (const one of seeds) {
        const target =
          one.target === "application" ? application : targets.find(({ name }) => name === one.target);
        const files = await one.run(target);
        if (files.length > 0) seeded.push({ target: one.target, files });
      }
      return seeded;
    },
    database: services.database,
    [Symbol.asyncDispose]: () => services[Symbol.asyncDispose](),
  };
}

function findPlugin(name: string, entries: readonly CatalogEntry[]): CatalogEntry {
  const found = entries.find((entry) => entry.name === name);
  if (found === undefined) {
    const known = entries.map((entry) => entry.name);
    throw new XcoreError("PLUGIN_NOT_FOUND", `there is no plugin '${name}'; ${suggestion(name, known)}`, {
      hint: "xcore plugin list shows what this project has.",
    });
  }
  if (found.error !== undefined) throw found.error;
  if (found.manifest.permissions.database) return found;
  throw new XcoreError(
    "PERMISSION_UNDECLARED",
    `plugin '${name}' has no database: its plugin.yaml does not ask for one`,
    {
      hint: "Add to plugin.yaml: permissions: { database: true }",
    },
  );
}

function targetOf(entry: CatalogEntry, database: DatabaseService, owner: string): MigrationTarget {
  const folder = join(entry.folder, entry.manifest?.migrations ?? "migrations");
  return pluginMigrations(database, { plugin: owner, folder });
}

function unknownTenant(name: string, known: readonly string[]): XcoreError {
  return new XcoreError("TENANT_UNKNOWN", `there is no tenant '${name}'; ${suggestion(name, known)}`, {
    hint: `Make it in a running server: xcore tenant create ${name}`,
  });
}
