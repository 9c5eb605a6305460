// How a plugin of a registry is written: `notes@^1.2.0`, `registry:notes`, `registry:ours/notes@^1`.
import semver from "semver";
import { nameFault } from "../../config/names.ts";
import type { LockedSource } from "../lock.ts";

export interface RegistrySpec {
  readonly name: string;
  /** Version or range that was asked for; undefined: the newest. */
  readonly range: string | undefined;
  /** The name the installation gave the registry; undefined: whichever has the plugin. */
  readonly registry: string | undefined;
}

export interface RegistrySource extends RegistrySpec {
  readonly type: "registry";
  /** What the lock pins; undefined: what the range means now. */
  readonly locked: Omit<LockedSource & { type: "registry" }, "type" | "name" | "range"> | undefined;
  /** Exactly this version of the range, where one was chosen already. */
  readonly release?: string;
}

/** What is wrong with it, as the rest of a sentence, when it is none. `text` is what stands behind `registry:`. */
export function parseRegistrySpec(text: string): RegistrySpec | string {
  const [, registry, name = "", range] = /^(?:([^/@]*)\/)?([^/@]*)(?:@(.*))?$/s.exec(text) ?? [];
  const fault = nameFault(name);
  if (fault !== undefined) return `the plugin name '${name.slice(0, 60)}' ${fault}`;
  const registryFault = registry === undefined ? undefined : nameFault(registry);
  if (registryFault !== undefined) return `the registry name '${registry?.slice(0, 60)}' ${registryFault}`;
  if (range !== undefined && (range === "" || range.length > 100 || semver.validRange(range) === null)) {
    return `'${range.slice(0, 60)}' is no version and no range`;
  }
  return { name, range, registry };
}
