// The events service as the rest of the core sees it.
import type { EventDelivery } from "../../../wire/guest-calls.ts";
import type { Json } from "../../../wire/json.ts";
import type { Service } from "../service.ts";

export interface EventsService extends Service {
  /** Delivers live, at most once, in order of publishing per subscriber. Returns the undo. */
  subscribe(
    plugin: string,
    patterns: readonly string[],
    deliver: (event: EventDelivery) => Promise<void>,
  ): () => void;
  publish(source: string, name: string, payload: Json): Promise<void>;
}
