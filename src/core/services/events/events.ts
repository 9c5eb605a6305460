// The events service as the rest of the core sees it.
import type { EventDelivery } from "../../../wire/guest-calls.ts";
import type { Json } from "../../../wire/json.ts";
import type { CallTenant } from "../../base/tenant.ts";
import type { Service } from "../service.ts";

export type Deliver = (event: EventDelivery, tenant: CallTenant | undefined) => Promise<void>;

export interface EventsService extends Service {
  /** Delivers live, at most once, in order of publishing per subscriber. Returns the undo. */
  subscribe(plugin: string, patterns: readonly string[], deliver: Deliver): () => void;
  /** `tenant`: whose call published it; it is delivered on behalf of that tenant. */
  publish(source: string, name: string, payload: Json, tenant?: CallTenant): Promise<void>;
}
