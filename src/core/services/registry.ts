// All services of a server: opened by needs, independent ones at the same time, closed in reverse.
import { withDeadline } from "../base/deadline.ts";
import { asXcoreError, messageOf, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Config } from "../config/config.ts";
import type { DatabaseService } from "./database/database.ts";
import type { EventsService } from "./events/events.ts";
import type { JobsService } from "./jobs/jobs.ts";
import { assertService, assertTenants } from "./own.ts";
import { planServices, type ServicePlan } from "./plan.ts";
import type { Service, ServiceStatus } from "./service.ts";

export interface ServiceRegistry extends AsyncDisposable {
  /** In the order of integration.yaml. */
  readonly names: readonly string[];
  readonly database: DatabaseService;
  readonly cache: Service;
  readonly jobs: JobsService;
  readonly events: EventsService;
  get(name: string): Service | undefined;
  /** A real round trip of every service, all at once. Never throws. */
  status(timeoutMs: number): Promise<ServiceStatus[]>;
  /** Has every service remove what it keeps for a plugin that is uninstalled. */
  removePlugin(plugin: string): Promise<void>;
  /** The same for a tenant that is dropped. */
  removeTenant(tenant: string): Promise<void>;
  /** Has every service stop, or go on with, what runs by itself for a tenant. */
  pauseTenant(tenant: string, paused: boolean): Promise<void>;
}

export interface OpenServicesOptions {
  logger: Logger;
  /** The longest a single service may take to open; the first start of an embedded database is the slow one. */
  openTimeoutMs?: number;
}

const closeTimeoutMs = 10_000;

export async function openServices(config: Config, options: OpenServicesOptions): Promise<ServiceRegistry> {
  const plans = await planServices(config);
  const opened: { name: string; service: Service }[] = [];
  const opening = new Map<string, Promise<Service>>();
  const byName = new Map(plans.map((plan) => [plan.name, plan]));
  const open = (plan: ServicePlan): Promise<Service> => {
    const known = opening.get(plan.name);
    if (known !== undefined) return known;
    const fresh = openOne(plan).then((service) => {
      opened.push({ name: plan.name, service });
      return service;
    });
    opening.set(plan.name, fresh);
    return fresh;
  };
  const openOne = async (plan: ServicePlan): Promise<Service> => {
    const needs: Record<string, Service> = {};
    await Promise.all(
      plan.provider.needs.map(async (need) => {
        const wanted = byName.get(need);
        if (wanted !== undefined) needs[need] = await open(wanted);
      }),
    );
    return openPlan(plan, needs, config, options);
  };
  const results = await Promise.allSettled(plans.map((plan) => open(plan)));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) {
    await closeAll(opened, options.logger);
    throw failed.reason;
  }
  return registryOf(
    opened,
    options.logger,
    plans.map((plan) => plan.name),
  );
}

async function openPlan(
  plan: ServicePlan,
  needs: Readonly<Record<string, Service>>,
  config: Config,
  { logger, openTimeoutMs = 60_000 }: OpenServicesOptions,
): Promise<Service> {
  const { name, provider } = plan;
  const child = logger.child({ service: name });
  let late = false;
  const opening = Promise.resolve()
    .then(() =>
      provider.open({
        name,
        options: plan.options,
        workspace: config.workspace,
        stateFolder: config.stateFolder,
        logger: child,
        needs,
      }),
    )
    .then(async (service) => {
      assertService(name, service);
      if (config.tenants !== undefined) assertTenants(name, service);
      if (late) await service[Symbol.asyncDispose]();
      return service;
    });
  try {
    return await withDeadline(opening, {
      ms: openTimeoutMs,
      code: "SERVICE_UNAVAILABLE",
      message: `it did not open within ${openTimeoutMs} ms`,
    });
  } catch (error) {
    late = true;
    opening.catch(() => undefined);
    const known = asXcoreError(error);
    throw new XcoreError(
      known.code === "INTERNAL" ? "SERVICE_UNAVAILABLE" : known.code,
      known.message.startsWith("service")
        ? known.message
        : `service '${name}' (${provider.driver}): ${known.message}`,
      {
        hint:
          known.hint ??
          `Check services.${name} in integration.yaml and whether what it connects to is running.`,
        details: { ...known.details, service: name, driver: provider.driver },
        cause: error,
      },
    );
  }
}

function registryOf(
  opened: readonly { name: string; service: Service }[],
  logger: Logger,
  names: readonly string[],
): ServiceRegistry {
  const services = new Map(opened.map(({ name, service }) => [name, service]));
  const required = (name: string): Service => {
    const service = services.get(name);
    if (service !== undefined) return service;
    throw new XcoreError("SERVICE_UNAVAILABLE", `this server has no service '${name}'`, {
      hint: `Declare services.${name} in integration.yaml.`,
    });
  };
  let closing: Promise<void> | undefined;
  return {
    names,
    get: (name) => services.get(name),
    // assertService has checked these three by name when they were opened.
    get database() {
      return required("database") as DatabaseService;
    },
    get cache() {
      return required("cache");
    },
    get jobs() {
      return required("jobs") as JobsService;
    },
    get events() {
      return required("events") as EventsService;
    },
    status: (timeoutMs) => Promise.all(names.map((name) => statusOf(name, required(name), timeoutMs))),
    async removeTenant(tenant) {
      for (const { service } of opened.toReversed()) await service.removeTenant?.(tenant);
    },
    async pauseTenant(tenant, paused) {
      for (const { service } of opened) await service.pauseTenant?.(tenant, paused);
    },
    async removePlugin(plugin) {
      for (const { service } of opened.toReversed()) await service.removePlugin?.(plugin);
    },
    [Symbol.asyncDispose]: () => (closing ??= closeAll(opened, logger)),
  };
}

async function statusOf(name: string, service: Service, timeoutMs: number): Promise<ServiceStatus> {
  const started = performance.now();
  const driver = service.driver;
  try {
    const health = await withDeadline(service.check(timeoutMs), {
      ms: timeoutMs + 50,
      code: "SERVICE_UNAVAILABLE",
      message: `no answer within ${timeoutMs} ms`,
    });
    return { name, driver, ...health };
  } catch (error) {
    return { name, driver, ok: false, latencyMs: performance.now() - started, detail: messageOf(error) };
  }
}

async function closeAll(
  opened: readonly { name: string; service: Service }[],
  logger: Logger,
): Promise<void> {
  for (const { name, service } of opened.toReversed()) {
    try {
      await withDeadline(Promise.resolve(service[Symbol.asyncDispose]()), {
        ms: closeTimeoutMs,
        code: "SERVICE_FAILED",
        message: `it did not close within ${closeTimeoutMs} ms`,
      });
    } catch (error) {
      logger.warn({ service: name, error: messageOf(error) }, "a service did not close cleanly");
    }
  }
}
