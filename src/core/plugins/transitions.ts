// The states of a plugin and the only ways between them.
export type PluginState =
  | "installed"
  | "loading"
  | "ready"
  | "draining"
  | "stopped"
  | "failed"
  | "quarantined";

const transitions: Readonly<Record<PluginState, readonly PluginState[]>> = {
  installed: ["loading", "failed"],
  loading: ["ready", "failed", "stopped"],
  ready: ["draining", "failed"],
  draining: ["stopped", "failed"],
  stopped: ["loading", "failed"],
  failed: ["loading", "quarantined", "stopped"],
  quarantined: ["loading", "stopped"],
};

/** Returns `to`; throws when the table has no such way, since that is a bug of ours. */
export function transition(from: PluginState, to: PluginState): PluginState {
  if (!transitions[from].includes(to)) throw new Error(`plugin state: no way from '${from}' to '${to}'`);
  return to;
}
