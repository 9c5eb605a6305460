// What a call hands on to the host calls that are made on its behalf, from plugin to plugin. The guest neither sees nor says it.
import type { CallTenant } from "./tenant.ts";

export interface CallOrigin {
  /** Whose data its host calls reach; undefined: what the plugin keeps for itself. */
  readonly tenant?: CallTenant | undefined;
  /** The actions that led here, the outermost first: `orders.place`, `stock.reserve`. */
  readonly chain?: readonly string[];
  /** Events that led here, each published by the handler of the one before. */
  readonly hops?: number | undefined;
}
