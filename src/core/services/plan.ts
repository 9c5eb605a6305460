// What a server's services will be opened with: each one's provider and options, checked before anything is opened.
import { asXcoreError, XcoreError } from "../base/error.ts";
import { withPlace } from "../config/check-options.ts";
import type { Config, ServiceConfig } from "../config/config.ts";
import { builtinProvider, driversWith, hasOption } from "./builtin.ts";
import { providerOptions } from "./options.ts";
import { checkNeeds } from "./order.ts";
import { ownProvider } from "./own.ts";
import type { Provider } from "./service.ts";

export interface ServicePlan {
  readonly name: string;
  readonly provider: Provider;
  /** Valid, and completed by the provider's defaults. */
  readonly options: unknown;
}

/** Opens nothing; a service of one's own has its file imported. Throws `CONFIG_INVALID` that names the faults of every service. */
export async function planServices(config: Config): Promise<ServicePlan[]> {
  const results = await Promise.allSettled(
    Object.entries(config.services).map(([name, service]) => planOf(config.file, name, service)),
  );
  const failures = results.filter((result) => result.status === "rejected");
  if (failures.length > 0) throw together(failures.map(({ reason }) => asXcoreError(reason)));
  const plans = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  checkNeeds(new Map(plans.map((plan) => [plan.name, plan.provider.needs])));
  return plans;
}

async function planOf(file: string, name: string, service: ServiceConfig): Promise<ServicePlan> {
  const provider =
    service.module === undefined
      ? await builtinProvider(name, service.driver).catch((error: unknown) => {
          throw withPlace(asXcoreError(error), file, ["services", name, "driver"]);
        })
      : await ownProvider(name, service.module);
  try {
    return { name, provider, options: providerOptions(file, name, provider, service.options) };
  } catch (error) {
    throw await withOtherDriver(asXcoreError(error), name, provider, service);
  }
}

/** An option of another driver: what is wrong is most likely the driver. */
async function withOtherDriver(
  error: XcoreError,
  name: string,
  provider: Provider,
  { module, options }: ServiceConfig,
): Promise<XcoreError> {
  if (module !== undefined) return error;
  for (const option of Object.keys(options)) {
    const [driver] = hasOption(provider, option) ? [] : await driversWith(name, option);
    if (driver === undefined) continue;
    return new XcoreError(error.code, error.message, {
      hint: `services.${name}.${option} is for driver ${driver}, and the driver here is ${provider.driver}: change one of the two.`,
      details: error.details,
      cause: error,
    });
  }
  return error;
}

function together(errors: readonly XcoreError[]): XcoreError {
  const [first] = errors;
  if (first !== undefined && errors.length === 1) return first;
  const hints = new Set(errors.map(({ hint }) => hint).filter((hint) => hint !== undefined));
  return new XcoreError("CONFIG_INVALID", errors.map(({ message }) => message).join("\n\n"), {
    hint: [...hints].join("\n"),
    details: { errors: errors.flatMap(({ details }) => details["errors"] ?? []) },
    cause: new AggregateError(errors),
  });
}
