// The operations on a running core: parameters checked once, one function each, for socket and HTTP alike.
import { Type, type TSchema } from "typebox";
import { Value } from "typebox/value";
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import { suggestion } from "../base/nearest.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import type { ServiceStatus } from "../services/service.ts";
import type { StatusReport } from "../status.ts";
import type { Inspections } from "./inspections.ts";
import { jobOperations, type JobSources } from "./job-operations.ts";
import type { OperationName, OperationTable, SyncResult } from "./operations.ts";
import { pluginInfo, pluginStatus } from "./plugin-report.ts";
import { namedTenant, originOf, tenantOperations, type TenantOperationSources } from "./tenant-operations.ts";

export interface AdminSources extends JobSources, TenantOperationSources {
  plugins: PluginRegistry;
  inspections: Inspections;
  status(): Promise<StatusReport>;
  services(): Promise<ServiceStatus[]>;
  /** Reads integration.yaml, plugins folder and lock again and applies what differs. */
  sync(): Promise<SyncResult>;
  /** Begins a graceful stop; returns before it is done. */
  stop(): void;
}

const Nothing = Type.Object({});
const Named = Type.Object({ name: Type.String({ maxLength: 64 }) });

/** Longer than any plugin's own ceiling: the plugin's deadline decides, this one only ends a hung call. */
const callTimeoutMs = 60_000;

export function operationTable(sources: AdminSources): OperationTable {
  const { plugins } = sources;
  return {
    status: { params: Nothing, run: () => sources.status() },
    "service.list": { params: Nothing, run: () => sources.services() },
    "plugin.list": { params: Nothing, run: async () => plugins.list().map(pluginStatus) },
    "plugin.info": {
      params: Named,
      run: async ({ name }) => pluginInfo(plugins.get(name), plugins.circuits.list(name)),
    },
    "plugin.load": { params: Named, run: async ({ name }) => pluginStatus(await plugins.load(name)) },
    "plugin.reload": { params: Named, run: async ({ name }) => pluginStatus(await plugins.load(name)) },
    "plugin.unload": { params: Named, run: async ({ name }) => pluginStatus(await plugins.unload(name)) },
    "plugin.inspect": { params: Named, run: ({ name }) => sources.inspections.open(name) },
    "plugin.uninspect": {
      params: Named,
      run: async ({ name }) => {
        await sources.inspections.close(name);
        return null;
      },
    },
    "plugin.call": {
      params: Type.Object({
        name: Type.String(),
        action: Type.String(),
        input: Type.Unknown(),
        tenant: Type.Optional(Type.String()),
      }),
      run: async ({ name, action, input, tenant }) => {
        const timeoutMs = plugins.get(name).current?.build.limits.timeoutMs ?? callTimeoutMs;
        const origin = originOf(namedTenant(sources.tenancy, tenant));
        return plugins.call(name, action, input, { timeoutMs, origin });
      },
    },
    "plugin.sync": { params: Nothing, run: () => sources.sync() },
    ...jobOperations(sources),
    ...tenantOperations(sources),
    "server.stop": {
      params: Nothing,
      run: async () => {
        sources.stop();
        return null;
      },
    },
  };
}

/** Runs one operation by name. `NOT_FOUND` for an unknown one, `INPUT_INVALID` for parameters of a wrong shape. */
export async function runOperation(table: OperationTable, name: string, params: unknown): Promise<Json> {
  if (!Object.hasOwn(table, name)) {
    throw new XcoreError("NOT_FOUND", `there is no operation '${name}'`, {
      hint: suggestion(name, Object.keys(table)),
    });
  }
  const operation = table[name as OperationName] as {
    params: TSchema;
    run(params: unknown): Promise<unknown>;
  };
  if (!Value.Check(operation.params, params)) {
    const [fault] = Value.Errors(operation.params, params);
    throw new XcoreError(
      "INPUT_INVALID",
      `${name}: ${fault?.instancePath ?? ""} ${fault?.message ?? "wrong parameters"}`.trim(),
    );
  }
  return (await operation.run(params)) as Json;
}
