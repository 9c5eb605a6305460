// A new build that breaks what others call is let in, and said aloud: nobody but its callers can tell whether it hurts.
import type { GuestDescription } from "../../wire/guest-calls.ts";
import type { Logger } from "../base/log.ts";
import { matchesAny } from "../services/events/pattern.ts";
import { compareActions } from "./compare-actions.ts";
import type { Plugin } from "./plugin.ts";

export interface NewBuild {
  plugin: Plugin;
  /** What the build before it declared. */
  before: GuestDescription;
  /** All plugins of the server. */
  others: readonly Plugin[];
  logger: Logger;
}

/** Logs each break of an action that another loaded plugin's plugin.yaml asks to call, with that plugin's name. */
export function noteBreaks({ plugin, before, others, logger }: NewBuild): void {
  for (const { action, message } of compareActions(before.actions, plugin.declared?.actions ?? {})) {
    const target = `${plugin.name}.${action}`;
    const callers = others
      .filter((other) => matchesAny(other.current?.build.permissions.call ?? [], target))
      .map((other) => other.name);
    if (callers.length === 0) continue;
    const version = plugin.current?.build.manifest.version;
    logger.warn(
      { plugin: plugin.name, version, action, callers },
      `the new build of '${plugin.name}' breaks '${target}' for ${callers.join(", ")}: ${message}`,
    );
  }
}
