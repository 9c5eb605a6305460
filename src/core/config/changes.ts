// What differs between two readings of integration.yaml, so that a change reloads what it touches and nothing else.
import { isDeepStrictEqual } from "node:util";
import type { Config } from "./config.ts";

export interface ConfigChanges {
  /** Parts that only a restart of the server applies: `name`, `environment`, `server`, `log`, `admin`, `migrations`, `tenants`. */
  readonly parts: readonly string[];
  /** Names of services that were added, changed or removed. */
  readonly services: readonly string[];
  /** Names of plugins whose own entry was added, changed or removed. */
  readonly plugins: readonly string[];
  /** Defaults or ceilings differ: they concern every plugin. */
  readonly policy: boolean;
  /** Nothing differs. */
  readonly none: boolean;
}

const parts = ["name", "environment", "server", "log", "admin", "migrations", "tenants"] as const;

export function configChanges(before: Config, after: Config): ConfigChanges {
  const changed = parts.filter((part) => !isDeepStrictEqual(before[part], after[part]));
  const services = changedKeys(before.services, after.services);
  const plugins = changedKeys(before.plugins, after.plugins);
  const policy = !isDeepStrictEqual(before.policy, after.policy);
  const none = changed.length + services.length + plugins.length === 0 && !policy;
  return { parts: changed, services, plugins, policy, none };
}

function changedKeys(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(before[name], after[name])).sort();
}

/** The files whose change means that the configuration may have changed. */
export function watchTargets(config: Config): readonly string[] {
  return [config.file, `${config.workspace}/.env`];
}
