// What can be asked of a running core: one table behind the control socket and the admin HTTP routes.
import type { TSchema } from "typebox";
import type { Json } from "../../wire/json.ts";
import type { GuestDescription } from "../../wire/guest-calls.ts";
import type { Limits } from "../base/limits.ts";
import type { Permissions } from "../config/config.ts";
import type { JobDetail, JobSchedule, JobState, JobSummary } from "../services/jobs/jobs.ts";
import type { CircuitStatus } from "../plugins/circuits.ts";
import type { ServiceStatus } from "../services/service.ts";
import type { TenantStatus } from "../services/tenants/tenant.ts";
import type { InspectorAddress } from "../http/inspector-endpoint.ts";
import type { PluginStatus, StatusReport } from "../status.ts";

export interface PluginInfo extends PluginStatus {
  description: string;
  folder: string;
  permissions: Permissions;
  /** Null while nothing of it is loaded. */
  limits: Limits | null;
  dependencies: Readonly<Record<string, string>>;
  declares: GuestDescription | null;
  /** Actions that fail whoever calls them, where this plugin calls or is called. */
  circuits: CircuitStatus[];
}

export interface SyncResult {
  loaded: string[];
  reloaded: string[];
  unloaded: string[];
  failed: { name: string; code: string; message: string }[];
}

export interface JobPause {
  plugin: string;
  name: string;
  paused: boolean;
}

/** Absent: the installation's standard, or as it was. Null: every plugin, no bound. */
export interface TenantParams {
  name: string;
  plugins?: string[] | null;
  /** As it is written: "600/1m". */
  requests?: string | null;
  jobs?: number | null;
  /** As it is written: "1gb". */
  storage?: string | null;
}

export interface Operations {
  status: { params: Record<string, never>; result: StatusReport };
  "service.list": { params: Record<string, never>; result: ServiceStatus[] };
  "plugin.list": { params: Record<string, never>; result: PluginStatus[] };
  "plugin.info": { params: { name: string }; result: PluginInfo };
  "plugin.load": { params: { name: string }; result: PluginStatus };
  "plugin.unload": { params: { name: string }; result: PluginStatus };
  "plugin.reload": { params: { name: string }; result: PluginStatus };
  /** `tenant`: for whom; absent: for none. */
  /** Opens the plugin to a debugger; ends by itself unless it is asked for again within 15 s. Control socket only. */
  "plugin.inspect": { params: { name: string }; result: InspectorAddress };
  "plugin.uninspect": { params: { name: string }; result: null };
  "plugin.call": { params: { name: string; action: string; input: Json; tenant?: string }; result: Json };
  /** Reads plugins folder, integration.yaml and xcore.lock again and loads, reloads or unloads what differs. */
  "plugin.sync": { params: Record<string, never>; result: SyncResult };
  "job.list": {
    params: { plugin?: string; state?: JobState; limit?: number };
    result: JobSummary[];
  };
  "job.run": {
    params: { plugin: string; name: string; data: Json; tenant?: string };
    result: { id: string };
  };
  /** `id`: of a job, or its beginning. */
  "job.show": { params: { id: string }; result: JobDetail };
  "job.retry": { params: { id: string }; result: JobDetail };
  "job.cancel": { params: { id: string }; result: JobDetail };
  "job.pause": { params: { plugin: string; name: string }; result: JobPause };
  "job.resume": { params: { plugin: string; name: string }; result: JobPause };
  /** The soonest first. */
  "job.schedule": { params: { plugin?: string }; result: JobSchedule[] };
  "tenant.list": { params: Record<string, never>; result: TenantStatus[] };
  /** Gets the place of every loaded plugin ready first. */
  "tenant.create": { params: TenantParams; result: TenantStatus };
  "tenant.set": { params: TenantParams; result: TenantStatus };
  "tenant.suspend": { params: { name: string }; result: TenantStatus };
  "tenant.resume": { params: { name: string }; result: TenantStatus };
  "tenant.drop": { params: { name: string }; result: null };
  "server.stop": { params: Record<string, never>; result: null };
}

export type OperationName = keyof Operations;

/** One operation: the schema of its parameters, checked before it runs, and its function. */
export interface Operation<Name extends OperationName> {
  params: TSchema;
  run(params: Operations[Name]["params"]): Promise<Operations[Name]["result"]>;
}

export type OperationTable = { readonly [Name in OperationName]: Operation<Name> };

/** One line of the control socket, both ways; newline-delimited JSON, many requests may be under way. */
export interface ControlRequest {
  id: number;
  operation: string;
  params: Json;
}
