// What goes from node to node, as text: an event, or a beat by which a node hears whether it is heard.
import type { Json } from "../../../wire/json.ts";
import type { PublishedEvent } from "./events.ts";
import type { RemoteOrigin } from "./hub.ts";
import { isEventName } from "./pattern.ts";

export type NodeMessage =
  | { kind: "event"; node: string; event: PublishedEvent; origin: RemoteOrigin }
  | { kind: "beat"; node: string; beat: string };

/** Raised when the text changes its meaning; a node that does not know the version leaves the message be. */
const version = 1;

export function encodeMessage(message: NodeMessage): string {
  if (message.kind === "beat") return JSON.stringify({ v: version, node: message.node, beat: message.beat });
  const { node, event, origin } = message;
  return JSON.stringify({ v: version, node, event, ...origin });
}

/** Undefined for what is no message: whoever reaches Redis can write there. */
export function decodeMessage(text: string): NodeMessage | undefined {
  const fields = parsed(text);
  const { v, node, beat, event, tenant, hops } = fields;
  if (v !== version || typeof node !== "string") return undefined;
  if (typeof beat === "string") return { kind: "beat", node, beat };
  const { name, source, key, payload } = objectOf(event);
  if (typeof name !== "string" || !isEventName(name) || typeof source !== "string") return undefined;
  if (key !== undefined && typeof key !== "string") return undefined;
  if (tenant !== undefined && typeof tenant !== "string") return undefined;
  if (hops !== undefined && typeof hops !== "number") return undefined;
  const published = {
    name,
    payload: (payload ?? null) as Json,
    source,
    ...(key === undefined ? {} : { key }),
  };
  return { kind: "event", node, event: published, origin: { tenant, hops } };
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
