// Tenants at the composition root: what each floor needs of them, made of what the floors below give.
import type { Logger } from "./base/log.ts";
import type { Config } from "./config/config.ts";
import { tenantOfRequest, type TenantOfRequest } from "./http/tenant-of-request.ts";
import { migratePlugin } from "./migrations/at-start.ts";
import { migrateTenants } from "./migrations/tenants.ts";
import type { PluginRegistry } from "./plugins/registry.ts";
import type { TenantSources } from "./plugins/tenant-gate.ts";
import type { ServiceRegistry } from "./services/registry.ts";
import { Tenants } from "./services/tenants/tenants.ts";

export interface Tenancy extends AsyncDisposable {
  readonly tenants: Tenants;
  /** For the plugins floor. */
  readonly sources: TenantSources;
  readonly tenantOf: TenantOfRequest;
  /** Gets every loaded plugin's place ready for a tenant that is being made. */
  prepare(tenant: string, plugins: PluginRegistry, reaches: (plugin: string) => boolean): Promise<void>;
}

export interface OpenTenancyOptions {
  config: Config;
  services: ServiceRegistry;
  logger: Logger;
}

/** Undefined where integration.yaml has no tenants. */
export async function openTenancy({
  config,
  services,
  logger,
}: OpenTenancyOptions): Promise<Tenancy | undefined> {
  if (config.tenants === undefined) return undefined;
  const { database } = services;
  const tenants = await Tenants.open({
    config: config.tenants,
    database,
    logger,
    remove: (tenant) => services.removeTenant(tenant),
    pause: (tenant, paused) => services.pauseTenant(tenant, paused),
  });
  const options = { config, database, logger };
  // There is nothing in the place of a new tenant that anybody would want to look at first.
  const auto: Config = { ...config, migrations: { ...config.migrations, mode: "auto" } };
  return {
    tenants,
    sources: {
      isolated: config.tenants.isolation === "isolate",
      forCall: (name) => tenants.forCall(name),
      activeOf: (plugin) => tenants.activeOf(plugin),
      prepare: (build, tenant) => migratePlugin({ ...options, build, tenant }),
      prepareAll: (build) => {
        const names = tenants.activeOf(build.manifest.name).map(({ id }) => id);
        return migrateTenants({ ...options, build, tenants: names });
      },
    },
    tenantOf: await tenantOfRequest(config.tenants.from, { forCall: (name) => tenants.forCall(name) }),
    async prepare(tenant, plugins, reaches) {
      for (const { name, current } of plugins.list()) {
        if (current?.build.permissions.database !== true || !reaches(name)) continue;
        await migratePlugin({ ...options, config: auto, build: current.build, tenant });
      }
    },
    [Symbol.asyncDispose]: () => tenants[Symbol.asyncDispose](),
  };
}
