// What a plugin sees of events: publishing those that its plugin.yaml names, live or kept.
import { randomUUID } from "node:crypto";
import type { EventDelivery } from "../../../wire/guest-calls.ts";
import { XcoreError } from "../../base/error.ts";
import type { CallTenant } from "../../base/tenant.ts";
import { Arguments } from "../arguments.ts";
import type { Facade, PluginIdentity, Reply } from "../service.ts";
import type { PublishedEvent } from "./events.ts";
import { matchesAny, maxNameLength } from "./pattern.ts";

export interface FacadeSources {
  plugin: PluginIdentity;
  maxPayloadBytes: number;
  publish(event: PublishedEvent, tenant: CallTenant | undefined): Promise<void>;
  keep(event: EventDelivery, tenant: CallTenant | undefined): Promise<void>;
}

const maxKeyLength = 200;

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
        if (durable && key !== undefined) throw unordered(name);
        const event = { name, payload, source: plugin.name };
        if (durable) await keep({ ...event, id: randomUUID() }, origin?.tenant);
        else await publish({ ...event, key }, origin?.tenant);
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

function unordered(name: string): XcoreError {
  return new XcoreError(
    "INPUT_INVALID",
    `events.publish: '${name}' has a key and is durable: events that are kept and tried again are in no order`,
    { hint: "Leave one of the two out, or put a sequence number into the payload." },
  );
}
