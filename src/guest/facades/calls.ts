// ctx.jobs, ctx.events, ctx.secrets, ctx.services and ctx.call: each one host call or two.
import type { Json } from "../../wire/json.ts";
import type { EnqueueOptions, Jobs, PublishOptions } from "../plugin-api.ts";
import { XcoreError } from "../errors.ts";
import type { SafeMap } from "../primordials.ts";
import type { SchemaCheck } from "../schema-check.ts";
import type { Ask } from "./facade.ts";

export function jobsFacade(ask: Ask): Jobs {
  return {
    enqueue(name: string, data: unknown = null, options: EnqueueOptions = {}) {
      const { delayMs, at, unique, priority } = options;
      return ask("jobs.enqueue", {
        name,
        data: data as Json,
        ...(delayMs === undefined ? {} : { delayMs }),
        ...(at === undefined ? {} : { at: typeof at === "string" ? at : at.toISOString() }),
        ...(unique === undefined ? {} : { unique }),
        ...(priority === undefined ? {} : { priority }),
      });
    },
    async cancel(id: string) {
      return (await ask("jobs.cancel", { id })).cancelled;
    },
  };
}

export function eventsFacade(
  ask: Ask,
  payloads: SafeMap<string, SchemaCheck>,
): { publish(name: string, payload?: unknown, options?: PublishOptions): Promise<void> } {
  return {
    async publish(name, payload = null, options = {}) {
      const { key, durable } = options;
      const check = payloads.get(name);
      await ask("events.publish", {
        name,
        payload: (check === undefined ? payload : await check(payload)) as Json,
        ...(key === undefined ? {} : { key }),
        ...(durable === undefined ? {} : { durable }),
      });
    },
  };
}

export function secretsFacade(ask: Ask): { get(name: string): Promise<string> } {
  return { get: (name) => ask("secrets.get", { name }) };
}

type Remote = Readonly<Record<string, (input?: unknown) => Promise<Json>>>;

/** Every name is a method: the core knows which of them there are. But for `then`: whoever awaits it does not call one. */
export function servicesFacade(ask: Ask): { get(name: string): Remote } {
  return {
    get: (service) =>
      new Proxy({} as Remote, {
        get: (_, method) =>
          typeof method !== "string" || method === "then"
            ? undefined
            : (input: unknown = null) => ask("services.call", { service, method, input: input as Json }),
      }),
  };
}

export function callFacade(ask: Ask): (target: string, input?: unknown) => Promise<Json> {
  return async (target, input = null) => {
    const dot = String(target).indexOf(".");
    if (dot < 1 || dot === target.length - 1) {
      throw new XcoreError(
        "ACTION_NOT_FOUND",
        `call: '${target}' is not "plugin.action", for example "mailer.send"`,
      );
    }
    return ask("actions.call", {
      plugin: target.slice(0, dot),
      action: target.slice(dot + 1),
      input: input as Json,
    });
  };
}
