// What is said of a plugin that can't answer now.
import { XcoreError } from "../base/error.ts";
import type { PluginState } from "./transitions.ts";

export function notReady(name: string, state: PluginState, reason: XcoreError | undefined): XcoreError {
  const because = reason === undefined ? "" : `: ${reason.message}`;
  return new XcoreError(
    state === "quarantined" ? "PLUGIN_QUARANTINED" : "PLUGIN_NOT_READY",
    `plugin '${name}' is ${state}${because}`,
    {
      hint: `See xcore plugin info ${name}; load it again with xcore plugin reload ${name}.`,
      ...(reason === undefined ? {} : { details: { reason: reason.code } }),
    },
  );
}
