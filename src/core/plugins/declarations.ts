// What a plugin's code declares, held against what its manifest asks for.
import type { GuestDescription } from "../../wire/guest-calls.ts";
import { XcoreError } from "../base/error.ts";
import { matchesAny } from "../services/events/pattern.ts";
import type { JobsService } from "../services/jobs/jobs.ts";
import type { PluginIdentity } from "../services/service.ts";

/** Throws `PERMISSION_UNDECLARED`, `PLUGIN_DEFINITION` for hooks it may not have, or what is wrong with its jobs. */
export function checkDeclarations(
  { name, permissions }: PluginIdentity,
  { jobs, events, publishes, hooks }: GuestDescription,
  allowed: { hooks: boolean; jobs(): JobsService },
): void {
  const undeclared = (permission: string, what: string): XcoreError =>
    new XcoreError(
      "PERMISSION_UNDECLARED",
      `plugin '${name}' ${what}, but plugin.yaml does not ask for '${permission}'`,
      { hint: `Add it to permissions in plugin.yaml and run xcore plugin approve ${name}.` },
    );
  if (hooks !== undefined && !allowed.hooks) {
    throw new XcoreError(
      "PLUGIN_DEFINITION",
      `plugin '${name}' has hooks, which only a trusted plugin may have`,
      {
        hint: `Trust it, and say hooks: true under plugins.${name}.trust in integration.yaml.`,
      },
    );
  }
  if (Object.keys(jobs).length > 0) {
    if (!permissions.jobs) throw undeclared("jobs", "defines jobs");
    allowed.jobs().validate(name, jobs);
  }
  const handled = events.find((pattern) => !matchesAny(permissions.events.subscribe, pattern));
  if (handled !== undefined) throw undeclared("events.subscribe", `handles the event '${handled}'`);
  const published = Object.keys(publishes).find((event) => !matchesAny(permissions.events.publish, event));
  if (published !== undefined) throw undeclared("events.publish", `publishes '${published}'`);
}
