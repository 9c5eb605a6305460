// The operations on tenants.
import { Type } from "typebox";
import { XcoreError } from "../base/error.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import type { Tenant } from "../services/tenants/tenant.ts";
import type { Tenants, TenantSettings } from "../services/tenants/tenants.ts";
import type { Operation, OperationTable, TenantParams } from "./operations.ts";

export interface TenantAdmin {
  tenants: Tenants;
  /** Gets every plugin's place ready for a tenant that is being made. */
  prepare(tenant: string, plugins: PluginRegistry, reaches: (plugin: string) => boolean): Promise<void>;
}

export interface TenantOperationSources {
  plugins: PluginRegistry;
  /** Undefined: the server has no tenants. */
  tenancy: TenantAdmin | undefined;
}

type TenantOperation = Extract<keyof OperationTable, `tenant.${string}`>;

const name = Type.String({ maxLength: 64 });
const ByName = Type.Object({ name });
const Settings = Type.Object({
  name,
  plugins: Type.Optional(Type.Union([Type.Null(), Type.Array(name, { maxItems: 1000, uniqueItems: true })])),
  requests: Type.Optional(Type.Union([Type.Null(), Type.String({ maxLength: 40 })])),
  jobs: Type.Optional(Type.Union([Type.Null(), Type.Integer()])),
  storage: Type.Optional(Type.Union([Type.Null(), Type.String({ maxLength: 40 })])),
});

export function tenantOperations(sources: TenantOperationSources): Pick<OperationTable, TenantOperation> {
  const { plugins } = sources;
  const admin = (): TenantAdmin => required(sources.tenancy);
  const settingsOf = ({ plugins: set, requests, jobs, storage }: TenantParams): TenantSettings => {
    // A name that is mistyped would shut the tenant out.
    for (const plugin of set ?? []) plugins.get(plugin);
    const quotas = {
      ...(requests === undefined ? {} : { requests }),
      ...(jobs === undefined ? {} : { jobs }),
      ...(storage === undefined ? {} : { storage }),
    };
    return { plugins: set, quotas };
  };
  const change = (how: "suspend" | "resume"): Operation<"tenant.suspend"> & Operation<"tenant.resume"> => ({
    params: ByName,
    run: (params) => admin().tenants[how](params.name),
  });
  return {
    "tenant.list": {
      params: Type.Object({}),
      run: async () =>
        admin()
          .tenants.list()
          .map((tenant) => tenant.status()),
    },
    "tenant.create": {
      params: Settings,
      run: (params) => {
        const { tenants, prepare } = admin();
        const prepareFor = (reaches: (plugin: string) => boolean): Promise<void> =>
          prepare(params.name, plugins, reaches);
        return tenants.create(params.name, settingsOf(params), prepareFor);
      },
    },
    "tenant.set": {
      params: Settings,
      run: async (params) => admin().tenants.set(params.name, settingsOf(params)),
    },
    "tenant.suspend": change("suspend"),
    "tenant.resume": change("resume"),
    "tenant.drop": {
      params: ByName,
      run: async (params) => {
        await admin().tenants.drop(params.name);
        return null;
      },
    },
  };
}

/** The tenant that an operator names for a call. Throws unless it is there and active. */
export function namedTenant(tenancy: TenantAdmin | undefined, named: string | undefined): Tenant | undefined {
  if (named === undefined) return undefined;
  const tenant = required(tenancy).tenants.get(named);
  tenant.assertActive();
  return tenant;
}

export function originOf(tenant: Tenant | undefined): CallOrigin {
  return tenant === undefined ? {} : { tenant };
}

function required(tenancy: TenantAdmin | undefined): TenantAdmin {
  if (tenancy !== undefined) return tenancy;
  throw new XcoreError("TENANT_UNKNOWN", "this server has no tenants", {
    hint: "Write the section tenants: in integration.yaml and start the server again; see docs/services/tenants.md.",
  });
}
