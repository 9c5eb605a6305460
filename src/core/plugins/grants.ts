// Where services and sandbox meet: one table of host calls per revision, holding only what was granted.
import { permissionOf, type HostCallName, type PermissionName } from "../../wire/host-calls.ts";
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Permissions } from "../config/config.ts";
import type { HostCall } from "../sandbox/sandbox.ts";
import type { Facade, HostCallHandler, PluginIdentity, Service } from "../services/service.ts";
import { openOwnServices } from "./own-services.ts";
import { Refusals } from "./refusals.ts";
import type { TenantGate } from "./tenant-gate.ts";

export interface Grants extends AsyncDisposable {
  readonly permissions: readonly PermissionName[];
  /** Refused host calls since it was opened. */
  readonly denied: number;
  handle(call: HostCall): Promise<Json>;
}

/** What a permission gives access to: a service's facade, or a facade the plugins floor makes itself. */
export interface GrantSources {
  service(name: string): Service | undefined;
  /** Calls that no service answers: actions, fetch, secrets. */
  own(plugin: PluginIdentity): Facade["calls"];
  logger: Logger;
}

const serviceOf: Partial<Record<PermissionName, string>> = {
  database: "database",
  cache: "cache",
  jobs: "jobs",
  events: "events",
};

/** With a gate, every host call has to pass it first. */
export async function openGrants(
  plugin: PluginIdentity,
  sources: GrantSources,
  gate?: TenantGate,
): Promise<Grants> {
  const permissions = grantedNames(plugin.permissions);
  const facades = new AsyncDisposableStack();
  const table = new Map<string, HostCallHandler>();
  const add = (calls: Facade["calls"]): void => {
    for (const [name, handler] of Object.entries(calls)) {
      if (permissions.includes(permissionOf[name as HostCallName])) table.set(name, handler);
    }
  };
  try {
    for (const permission of permissions) {
      const serviceName = serviceOf[permission];
      if (serviceName === undefined) continue;
      const service = sources.service(serviceName);
      if (service === undefined) {
        throw new XcoreError(
          "SERVICE_UNAVAILABLE",
          `plugin '${plugin.name}' asks for '${permission}', but this server has no service '${serviceName}'`,
          { hint: `Declare services.${serviceName} in integration.yaml.` },
        );
      }
      add(facades.use(await service.forPlugin(plugin)).calls);
    }
    if (permissions.includes("services")) {
      add(facades.use(await openOwnServices(plugin, sources)).calls);
    }
    add(sources.own(plugin));
  } catch (error) {
    await facades.disposeAsync();
    throw error;
  }
  const refusals = new Refusals(plugin.name, sources.logger);
  return {
    permissions,
    get denied() {
      return refusals.count;
    },
    handle(call) {
      const handler = table.get(call.name);
      const answer =
        handler === undefined
          ? Promise.reject<Json>(denied(plugin.name, call.name))
          : gate === undefined
            ? handler(call.args, call)
            : gate.pass(call).then(() => handler(call.args, call));
      answer.catch((error: unknown) => {
        if (isRefusal(error)) refusals.note(call.name, error);
      });
      return answer;
    },
    [Symbol.asyncDispose]: () => facades.disposeAsync(),
  };
}

/** The names of the permissions that hold anything. */
export function grantedNames(permissions: Permissions): PermissionName[] {
  const granted: Record<PermissionName, boolean> = {
    database: permissions.database,
    cache: permissions.cache,
    jobs: permissions.jobs,
    fetch: permissions.fetch.length > 0,
    call: permissions.call.length > 0,
    events: permissions.events.publish.length + permissions.events.subscribe.length > 0,
    secrets: permissions.secrets.length > 0,
    services: permissions.services.length > 0,
  };
  return (Object.keys(granted) as PermissionName[]).filter((name) => granted[name]);
}

/** Ours, that is: another plugin's action may have failed with such a code, which is no doing of this one. */
function isRefusal(error: unknown): error is XcoreError {
  return error instanceof XcoreError && error.status === 403 && !("guestCode" in error.details);
}

function denied(plugin: string, call: string): XcoreError {
  const permission = Object.hasOwn(permissionOf, call) ? permissionOf[call as HostCallName] : undefined;
  if (permission === undefined) {
    return new XcoreError("PERMISSION_UNDECLARED", `plugin '${plugin}': there is no host call of that name`);
  }
  return new XcoreError(
    "PERMISSION_UNDECLARED",
    `plugin '${plugin}': permission '${permission}' is not declared in plugin.yaml; add it and run xcore plugin approve ${plugin}`,
  );
}
