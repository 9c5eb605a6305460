// A service of one's own: `module:` in integration.yaml names a file whose default export is a provider.
import { existsSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { messageOf, XcoreError } from "../base/error.ts";
import type { Provider, Service } from "./service.ts";

export async function ownProvider(name: string, file: string): Promise<Provider> {
  if (!existsSync(file)) {
    throw new XcoreError("CONFIG_INVALID", `services.${name}.module: there is no file ${file}`, {
      hint: "The path is relative to integration.yaml; write it with its ending, such as ./services/mail.ts",
    });
  }
  let exported: unknown;
  try {
    exported = await import(pathToFileURL(file).href);
  } catch (error) {
    throw new XcoreError(
      "CONFIG_INVALID",
      `services.${name}.module: ${file} fails when it is imported: ${messageOf(error)}`,
      {
        hint: "Run it with `node <file>` to see where it fails; TypeScript in it must be erasable syntax.",
        cause: error,
      },
    );
  }
  const provider = (exported as { default?: unknown }).default;
  const fault = faultOf(provider);
  if (fault !== undefined) {
    throw new XcoreError("CONFIG_INVALID", `services.${name}.module: ${file}: ${fault}`, {
      hint: "Export default { driver, options, needs, open } as docs/services/your-own.md shows.",
    });
  }
  return provider as Provider;
}

/** What keeps a value from being a provider, if anything. */
function faultOf(value: unknown): string | undefined {
  if (value === undefined) return "it has no default export";
  if (typeof value !== "object" || value === null)
    return `its default export is no provider but a ${typeof value}`;
  const { driver, options, needs, open } = value as Partial<Record<keyof Provider, unknown>>;
  if (typeof driver !== "string" || driver === "") return "the provider's 'driver' must be a name";
  if (typeof options !== "object" || options === null)
    return "the provider's 'options' must be a JSON Schema";
  if (!Array.isArray(needs) || needs.some((need) => typeof need !== "string")) {
    return "the provider's 'needs' must be a list of service names";
  }
  if (typeof open !== "function") return "the provider's 'open' must be a function";
  return undefined;
}

const common = ["check", "forPlugin"];
const special: Readonly<Record<string, readonly string[]>> = {
  database: ["provision", "hasPlugin", "removePlugin"],
  jobs: ["validate", "bind", "unschedule", "start", "drain", "counts", "list", "enqueue", "desk"],
  events: ["subscribe", "publish", "attach"],
};

/** Throws when plugins reach this service and it does not keep tenants apart. */
export function assertTenants(name: string, service: Service): void {
  if (service.tenants === true || !["database", "cache", "jobs", "events"].includes(name)) return;
  throw new XcoreError(
    "CONFIG_INVALID",
    `services.${name}: its driver '${service.driver}' does not keep tenants apart, and integration.yaml has tenants`,
    { hint: `Choose another driver for services.${name}, or remove the section tenants.` },
  );
}

/** Throws unless what a provider opened is a service, with all that the core asks of a service of this name. */
export function assertService(name: string, service: unknown): void {
  const candidate = (typeof service === "object" && service !== null ? service : {}) as Record<
    PropertyKey,
    unknown
  >;
  const missing = [...common, ...(special[name] ?? [])].filter(
    (method) => typeof candidate[method] !== "function",
  );
  if (typeof candidate[Symbol.asyncDispose] !== "function") missing.push("[Symbol.asyncDispose]");
  if (missing.length === 0) return;
  throw new XcoreError(
    "CONFIG_INVALID",
    `services.${name}: what its provider opened lacks ${missing.join(", ")}`,
    {
      hint: "See docs/services/your-own.md for the interface of a service.",
    },
  );
}
