// The one interface of everything a server is connected to. A provider opens a service; a service gives each plugin its facade.
import type { TSchema } from "typebox";
import type { HostCalls, HostCallName } from "../../wire/host-calls.ts";
import type { Json } from "../../wire/json.ts";
import type { Logger } from "../base/log.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { Limits } from "../base/limits.ts";
import type { Permissions } from "../config/config.ts";

export interface Health {
  ok: boolean;
  /** Round trip of the check, in ms. */
  latencyMs: number;
  /** One short phrase for people: what is connected, or why it is not. */
  detail: string;
}

/** One service in the status report. */
export interface ServiceStatus extends Health {
  name: string;
  driver: string;
}

/** Who a facade is for. Established by the core, never by what a guest says. */
export interface PluginIdentity {
  readonly name: string;
  readonly permissions: Permissions;
  readonly limits: Limits;
  readonly secrets: Readonly<Record<string, string>>;
  /** Its code is the project's own, or was trusted by name and digest. Absent: it comes from elsewhere. */
  readonly own?: boolean;
}

export interface HostCallContext {
  /** Aborted when the calling revision goes, the caller's deadline passes or the guest cancels. */
  readonly signal: AbortSignal;
  /** Time left for this call, in ms. */
  readonly timeoutMs: number;
  /** What the call on whose behalf it is made hands on; undefined when it is made on nobody's. */
  readonly origin?: CallOrigin | undefined;
  /**
   * Has `end` run once, when the call on whose behalf it is made is over: answered, its stream included, or given up. Of what is made on
   * nobody's, when its revision goes. Returns the undo. For what a host call leaves open behind it.
   */
  over?(end: () => void): () => void;
}

/** Handles one host call. Arguments come from a guest: they are JSON of unknown shape until the handler has checked them. */
export type HostCallHandler = (args: unknown, context: HostCallContext) => Promise<Json>;

/**
 * Takes JSON of unknown shape from a guest and gives JSON. What it throws as an `XcoreError` reaches the plugin as it is; anything else is
 * logged here, and the plugin is told that the service failed.
 */
export type ServiceMethod = (input: Json, context: HostCallContext) => Promise<unknown>;

/** What one plugin may do with one service: its part of the table of host calls. */
export interface Facade extends AsyncDisposable {
  readonly calls: { readonly [Name in HostCallName]?: HostCallHandler };
  /** Of a service of the installation's own: what a plugin with the permission `services: [name]` may call. */
  readonly methods?: Readonly<Record<string, ServiceMethod>>;
}

/** The reply type of a host call; handlers narrow to it with `satisfies`. */
export type Reply<Name extends HostCallName> = HostCalls[Name]["reply"];

export interface Service extends AsyncDisposable {
  readonly driver: string;
  /**
   * It keeps what belongs to the tenants of `HostCallContext.origin` apart. Where tenants are on, database, cache, jobs and events
   * must say so. Absent: it does not.
   */
  readonly tenants?: boolean;
  /** A real round trip. Never throws, never takes longer than `timeoutMs`. */
  check(timeoutMs: number): Promise<Health>;
  /** Called once for each revision of a plugin that was granted this service. */
  forPlugin(plugin: PluginIdentity): Promise<Facade>;
  /** Removes whatever the service keeps for a plugin that is uninstalled. */
  removePlugin?(name: string): Promise<void>;
  /** Removes whatever the service keeps for a tenant that is dropped. */
  removeTenant?(tenant: string): Promise<void>;
  /** A tenant was suspended, or resumed: what runs by itself stops for it, or goes on. */
  pauseTenant?(tenant: string, paused: boolean): Promise<void>;
}

export interface OpenContext<Options> {
  /** The service's name in integration.yaml. */
  readonly name: string;
  readonly options: Options;
  readonly workspace: string;
  readonly stateFolder: string;
  readonly logger: Logger;
  /** The services named in `needs`, already open. */
  readonly needs: Readonly<Record<string, Service>>;
}

export interface Provider<Options = unknown> {
  readonly driver: string;
  /** TypeBox (JSON Schema) of the options in integration.yaml. */
  readonly options: TSchema;
  /** Names of services that must be open before this one. */
  readonly needs: readonly string[];
  open(context: OpenContext<Options>): Promise<Service>;
}
