// How a plugin reaches services of the installation's own: `services.call`, by the name that integration.yaml gives them.
import { Type } from "typebox";
import { Value } from "typebox/value";
import type { Json } from "../../wire/json.ts";
import { withDeadline } from "../base/deadline.ts";
import { messageOf, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { suggestion } from "../base/nearest.ts";
import { formatSize } from "../base/units.ts";
import type { Facade, HostCallContext, PluginIdentity, Service, ServiceMethod } from "../services/service.ts";

interface Sources {
  service(name: string): Service | undefined;
  logger: Logger;
}

const CallArguments = Type.Object({ service: Type.String(), method: Type.String(), input: Type.Unknown() });
/** What they offer, they offer by permissions of their own. */
const builtin: ReadonlySet<string> = new Set(["database", "cache", "jobs", "events"]);
const largestReply = 8 * 1024 * 1024;

/** Opens the facade of each service the plugin may use. Throws when this server has none of that name, or it has nothing for plugins. */
export async function openOwnServices(plugin: PluginIdentity, sources: Sources): Promise<Facade> {
  await using opening = new AsyncDisposableStack();
  const methods = new Map<string, Readonly<Record<string, ServiceMethod>>>();
  for (const name of plugin.permissions.services) {
    const service = builtin.has(name) ? undefined : sources.service(name);
    if (service === undefined) throw missing(plugin.name, name);
    const facade = opening.use(await service.forPlugin(plugin));
    if (facade.methods === undefined) throw nothingFor(plugin.name, name);
    methods.set(name, facade.methods);
  }
  const opened = opening.move();
  return {
    calls: {
      async "services.call"(args, context) {
        if (!Value.Check(CallArguments, args)) {
          throw new XcoreError("INPUT_INVALID", "services: a service, a method and an input are needed");
        }
        const { service, method } = args;
        const offered = methods.get(service);
        if (offered === undefined) throw undeclared(plugin, service);
        const run = Object.hasOwn(offered, method) ? offered[method] : undefined;
        if (run === undefined) {
          throw new XcoreError(
            "INPUT_INVALID",
            `service '${service}' has no method '${method}'; ${suggestion(method, Object.keys(offered))}`,
          );
        }
        const target = `${service}.${method}`;
        return await answer(target, call(run, args.input as Json, context), {
          plugin: plugin.name,
          timeoutMs: context.timeoutMs,
          logger: sources.logger,
        });
      },
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** A method that is not async may throw as it is called. */
async function call(run: ServiceMethod, input: Json, context: HostCallContext): Promise<unknown> {
  return run(input, context);
}

async function answer(
  target: string,
  work: Promise<unknown>,
  { plugin, timeoutMs, logger }: { plugin: string; timeoutMs: number; logger: Logger },
): Promise<Json> {
  const service = target.split(".")[0] ?? "";
  try {
    const result = await withDeadline(work, {
      ms: timeoutMs,
      code: "SERVICE_UNAVAILABLE",
      message: `service '${service}': ${target} gave no answer within ${Math.round(timeoutMs)} ms`,
    });
    const text = JSON.stringify(result ?? null) ?? "null";
    if (text.length > largestReply) {
      throw new XcoreError(
        "QUOTA_EXCEEDED",
        `service '${service}': the answer of ${target} is ${formatSize(text.length)}; at most ${formatSize(largestReply)}`,
      );
    }
    return JSON.parse(text) as Json;
  } catch (error) {
    if (error instanceof XcoreError) throw error;
    logger.error({ plugin, service, error: messageOf(error) }, `${target} failed`);
    // Its words may name what is none of the plugin's business.
    throw new XcoreError("SERVICE_FAILED", `service '${service}': ${target} failed`, {
      hint: "The server's log says why.",
      cause: error,
    });
  }
}

function missing(plugin: string, name: string): XcoreError {
  const own = builtin.has(name)
    ? `'${name}' is asked for by a permission of its own: permissions.${name}`
    : `declare services.${name} with its module in integration.yaml`;
  return new XcoreError(
    "SERVICE_UNAVAILABLE",
    `plugin '${plugin}' asks for the service '${name}', but this server has none of its own by that name`,
    { hint: `Check permissions.services in plugin.yaml; ${own}.` },
  );
}

function nothingFor(plugin: string, name: string): XcoreError {
  return new XcoreError(
    "SERVICE_UNAVAILABLE",
    `plugin '${plugin}' asks for the service '${name}', which has no methods for plugins`,
    { hint: "Give them in the facade that its forPlugin returns; see docs/services/your-own.md." },
  );
}

function undeclared({ name, permissions }: PluginIdentity, service: string): XcoreError {
  return new XcoreError(
    "PERMISSION_UNDECLARED",
    `plugin '${name}' may not use the service '${service}'; allowed are: ${permissions.services.join(", ")}`,
    { hint: `Add it to permissions.services in plugin.yaml and run xcore plugin approve ${name}.` },
  );
}
