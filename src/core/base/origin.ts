// What a call hands on to the host calls that are made on its behalf, from plugin to plugin. The guest neither sees nor says it.

export interface CallOrigin {
  /** The actions that led here, the outermost first: `orders.place`, `stock.reserve`. */
  readonly chain?: readonly string[];
}
