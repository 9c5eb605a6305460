// What a plugin sees of events: publishing those that its plugin.yaml names, live or kept.
import { randomUUID } from "node:crypto";
import { XcoreError } from "../../base/error.ts";
import { Arguments } from "../arguments.ts";
import type { Facade, PluginIdentity, Reply } from "../service.ts";
import type { EventOrigin, PublishedEvent } from "./events.ts";
import { matchesAny, maxNameLength } from "./pattern.ts";

export interface FacadeSources {
  plugin: PluginIdentity;
  maxPayloadBytes: number;
  publish(event: PublishedEvent, origin: EventOrigin): Promise<void>;
  keep(event: PublishedEvent, origin: EventOrigin): Promise<void>;
}

const maxKeyLength = 200;
/** Events in a row, each published by the handler of the one before: two plugins that answer each other never end by themselves. */
const maxHops = 1000;

export function eventsFacade({ plugin, maxPayloadBytes, publish, keep }: FacadeSources): Facade {
  return {
    calls: {
      "events.publish": async (args, { origin }) => {
        const fields = new Arguments("events.publish", args);
        const name = fields.text("name", maxNameLength);
        const payload = fields.json("payload", maxPayloadBytes).value;
        const key = fields.optionalText("key", maxKeyLength);
        const durable = fields.optionalBoolean("durable") ?? false;
        if (!matchesAny(plugin.permissions.events.publish, name)) throw undeclared(plugin.name, name);
        const hops = (origin?.hops ?? 0) + 1;
        if (hops > maxHops) throw endless(name);
        const event = { name, payload, source: plugin.name, key };
        if (durable) await keep({ ...event, id: randomUUID() }, { tenant: origin?.tenant, hops });
        else await publish(event, { tenant: origin?.tenant, hops });
        return null satisfies Reply<"events.publish">;
      },
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function undeclared(plugin: string, name: string): XcoreError {
  return new XcoreError(
    "PERMISSION_UNDECLARED",
    `plugin '${plugin}': publishing '${name}' is not covered by permissions.events.publish in plugin.yaml`,
    { hint: `Add '${name}' there and run xcore plugin approve ${plugin}` },
  );
}

function endless(name: string): XcoreError {
  return new XcoreError(
    "CALL_DEPTH",
    `events.publish: '${name}' follows ${maxHops} events, each published by the handler of the one before`,
    { hint: "Look for handlers that answer each other; for work in many steps enqueue a job." },
  );
}
