// A new build that breaks what others call or handle is let in, and said aloud: nobody but they can tell whether it hurts.
import type { GuestDescription } from "../../wire/guest-calls.ts";
import type { Logger } from "../base/log.ts";
import { matchesAny } from "../services/events/pattern.ts";
import { compareActions, compareEvents } from "./compare-actions.ts";
import type { Plugin } from "./plugin.ts";

export interface NewBuild {
  plugin: Plugin;
  /** What the build before it declared. */
  before: GuestDescription;
  /** All plugins of the server. */
  others: readonly Plugin[];
  logger: Logger;
}

/**
 * Logs each break of an action that another loaded plugin's plugin.yaml asks to call, and of an event that another one handles,
 * with that plugin's name.
 */
export function noteBreaks({ plugin, before, others, logger }: NewBuild): void {
  const { declared, name } = plugin;
  if (declared === undefined) return;
  const version = plugin.current?.build.manifest.version;
  const note = (what: string, names: readonly string[], message: string): void => {
    if (names.length === 0) return;
    logger.warn(
      { plugin: name, version, breaks: what, for: names },
      `the new build of '${name}' breaks '${what}' for ${names.join(", ")}: ${message}`,
    );
  };
  for (const { action, message } of compareActions(before.actions, declared.actions)) {
    const target = `${name}.${action}`;
    const callers = others.filter((other) => matchesAny(other.current?.build.permissions.call ?? [], target));
    note(target, callers.map(nameOf), message);
  }
  for (const { event, message } of compareEvents(before.publishes, declared.publishes)) {
    const handlers = others.filter((other) => matchesAny(other.declared?.events ?? [], event));
    note(event, handlers.map(nameOf), message);
  }
}

function nameOf({ name }: Plugin): string {
  return name;
}
