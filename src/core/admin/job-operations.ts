// The operations on jobs.
import { Type } from "typebox";
import type { PluginRegistry } from "../plugins/registry.ts";
import { jobStates, type JobsService } from "../services/jobs/jobs.ts";
import type { Operation, OperationTable } from "./operations.ts";
import { namedTenant, type TenantAdmin } from "./tenant-operations.ts";

export interface JobSources {
  plugins: PluginRegistry;
  jobs(): JobsService;
  tenancy: TenantAdmin | undefined;
}

type JobOperation = Extract<keyof OperationTable, `job.${string}`>;

const ById = Type.Object({ id: Type.String({ maxLength: 64 }) });
const ByName = Type.Object({ plugin: Type.String({ maxLength: 64 }), name: Type.String({ maxLength: 64 }) });
const JobState = Type.Union(jobStates.map((state) => Type.Literal(state)));

export function jobOperations({ plugins, jobs, tenancy }: JobSources): Pick<OperationTable, JobOperation> {
  const desk = () => jobs().desk();
  // Jobs of a plugin whose folder has gone are still there; a name that never was is a mistake to point out.
  const known = <T>(plugin: string | undefined, found: readonly T[]): T[] => {
    if (plugin !== undefined && found.length === 0) plugins.get(plugin);
    return [...found];
  };
  const pausing = (paused: boolean): Operation<"job.pause"> & Operation<"job.resume"> => ({
    params: ByName,
    run: async ({ plugin, name }) => {
      await desk()[paused ? "pause" : "resume"](plugins.get(plugin).name, name);
      return { plugin, name, paused };
    },
  });
  return {
    "job.list": {
      params: Type.Object({
        plugin: Type.Optional(Type.String()),
        state: Type.Optional(JobState),
        limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000 })),
      }),
      run: async (filter) =>
        known(filter.plugin, await jobs().list({ ...filter, limit: filter.limit ?? 50 })),
    },
    "job.show": { params: ById, run: ({ id }) => desk().show(id) },
    "job.run": {
      params: Type.Object({
        plugin: Type.String(),
        name: Type.String(),
        data: Type.Unknown(),
        tenant: Type.Optional(Type.String()),
      }),
      run: async ({ plugin, name, data, tenant }) => ({
        id: await jobs().enqueue(plugins.get(plugin).name, name, data, {
          tenant: namedTenant(tenancy, tenant),
        }),
      }),
    },
    "job.retry": { params: ById, run: ({ id }) => desk().retry(id) },
    "job.cancel": { params: ById, run: ({ id }) => desk().cancel(id) },
    "job.pause": pausing(true),
    "job.resume": pausing(false),
    "job.schedule": {
      params: Type.Object({ plugin: Type.Optional(Type.String()) }),
      run: async ({ plugin }) => known(plugin, await desk().schedules(plugin)),
    },
  };
}
