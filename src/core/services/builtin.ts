// The providers that come with xcore, by service and driver. Each is imported when a server really uses it: start-up stays quick.
import { suggestion } from "../base/nearest.ts";
import { XcoreError } from "../base/error.ts";
import type { Provider } from "./service.ts";

type Load = () => Promise<Provider>;

const builtin: Readonly<Record<string, Readonly<Record<string, Load>>>> = {
  database: {
    embedded: async () => (await import("./database/embedded-postgres.ts")).embeddedPostgres,
    postgres: async () => (await import("./database/postgres.ts")).postgres,
    pglite: async () => (await import("./database/pglite.ts")).pglite,
  },
  cache: {
    memory: async () => (await import("./cache/memory.ts")).memoryCache,
    redis: async () => (await import("./cache/redis.ts")).redisCache,
  },
  jobs: {
    agenda: async () => (await import("./jobs/agenda.ts")).agendaJobs,
  },
  events: {
    memory: async () => (await import("./events/memory.ts")).memoryEvents,
    postgres: async () => (await import("./events/postgres.ts")).postgresEvents,
    redis: async () => (await import("./events/redis.ts")).redisEvents,
  },
};

export async function builtinProvider(name: string, driver: string): Promise<Provider> {
  const drivers = builtin[name];
  if (drivers === undefined && driver === "postgres")
    return (await import("./database/named-postgres.ts")).namedPostgres as Provider;
  if (drivers === undefined) {
    throw new XcoreError(
      "CONFIG_INVALID",
      `services.${name}: xcore brings no service of this name; ${suggestion(name, Object.keys(builtin))}`,
      {
        hint: `For a service of your own write services.${name}.module: ./path/to/provider.ts; for another database driver: postgres and its url.`,
      },
    );
  }
  const load = Object.hasOwn(drivers, driver) ? drivers[driver] : undefined;
  if (load === undefined) {
    throw new XcoreError(
      "CONFIG_INVALID",
      `services.${name}.driver: there is no driver '${driver}'; ${suggestion(driver, Object.keys(drivers))}`,
      {
        hint: `Write one of ${Object.keys(drivers).join(", ")}, or services.${name}.module for your own.`,
      },
    );
  }
  return load();
}

/** The drivers of a service of xcore's own that have an option of this name. */
export async function driversWith(name: string, option: string): Promise<string[]> {
  const found = await Promise.all(
    Object.entries(builtin[name] ?? {}).map(async ([driver, load]) =>
      hasOption(await load(), option) ? [driver] : [],
    ),
  );
  return found.flat();
}

export function hasOption({ options }: Provider, option: string): boolean {
  return "properties" in options && Object.hasOwn(Object(options.properties), option);
}
