// Opens the events of one node among several.
import { EventsHub, type HubOptions } from "./hub.ts";
import { NodeBridge, type Carrier, type CarrierEvents } from "./node-bridge.ts";

export interface BetweenNodes extends Omit<HubOptions, "bridge"> {
  /** "Redis": what carries, for people. */
  by: string;
  carrier(events: CarrierEvents): Carrier;
}

const firstContactMs = 1000;

/** A node that reaches no other starts all the same: its own plugins hear each other. */
export async function openBetweenNodes({ by, carrier, ...options }: BetweenNodes): Promise<EventsHub> {
  const { logger } = options;
  const bridges: NodeBridge[] = [];
  const hub = new EventsHub({
    ...options,
    bridge: (receive) => {
      const bridge = new NodeBridge({ by, logger, open: carrier, receive });
      bridges.push(bridge);
      return bridge;
    },
  });
  await Promise.all(bridges.map((bridge) => bridge.ready(firstContactMs)));
  return hub;
}
