// The events service as the rest of the core sees it.
import type { EventDelivery } from "../../../wire/guest-calls.ts";
import type { CallTenant } from "../../base/tenant.ts";
import type { Service } from "../service.ts";

/** On whose behalf an event is handled; goes with it from its publisher. */
export interface EventOrigin {
  readonly tenant?: CallTenant | undefined;
  /** It and the events that led to it, each published by the handler of the one before. */
  readonly hops?: number | undefined;
}

export type Deliver = (event: EventDelivery, origin: EventOrigin) => Promise<void>;

export interface PublishedEvent extends EventDelivery {
  /** Deliveries of one key to one subscriber are one at a time and in order; without one a live event has the empty key. */
  readonly key?: string | undefined;
}

/** What the floors above give the service once they are there. */
export interface EventsAbove {
  /** Keeps a durable event for every plugin that handles it; resolves when it is stored. */
  keep(event: PublishedEvent, origin: EventOrigin): Promise<void>;
  /** The tenant another node has named; throws `TENANT_UNKNOWN`. */
  tenant(id: string): CallTenant;
}

export interface EventsService extends Service {
  /** Delivers live, at most once, those of one key in order of publishing. Returns the undo. */
  subscribe(plugin: string, patterns: readonly string[], deliver: Deliver): () => void;
  /**
   * Live: to the subscribers of this node and, if the provider reaches them, of the others. Resolves before anybody has handled it.
   * `origin`: of the call that publishes it; it is delivered on behalf of the same tenant.
   */
  publish(event: PublishedEvent, origin?: EventOrigin): Promise<void>;
  /** Called once, before the first plugin is loaded. Until then durable events are refused. */
  attach(above: EventsAbove): void;
}
