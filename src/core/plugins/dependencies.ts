// Dependencies among plugins: data, checked before anything runs.
import semver from "semver";
import { XcoreError } from "../base/error.ts";
import { suggestion } from "../base/nearest.ts";
import type { Manifest } from "./manifest.ts";

export interface Known {
  readonly version: string;
  readonly ready: boolean;
}

/** Throws `PLUGIN_DEPENDENCY` naming the first dependency that is missing, of a wrong version, or not ready. */
export function checkDependencies(
  manifest: Manifest,
  lookup: (name: string) => Known | undefined,
  names: Iterable<string>,
): void {
  for (const [name, range] of Object.entries(manifest.dependencies)) {
    const found = lookup(name);
    if (found === undefined) {
      throw fault(manifest, `needs '${name}' ${range}, which is not installed`, suggestion(name, names));
    }
    if (!semver.satisfies(found.version, range, { includePrerelease: true })) {
      throw fault(
        manifest,
        `needs '${name}' ${range}; version ${found.version} is installed`,
        `Install a version of '${name}' that fits ${range}.`,
      );
    }
    if (!found.ready) {
      throw fault(manifest, `needs '${name}', which is not running`, `See xcore plugin info ${name}.`);
    }
  }
}

/** The plugins on a dependency cycle through `name` in order, or undefined. */
export function cycleThrough(
  name: string,
  dependenciesOf: (name: string) => readonly string[],
): string[] | undefined {
  const visit = (at: string, path: string[]): string[] | undefined => {
    for (const next of dependenciesOf(at)) {
      if (next === name) return [...path, next];
      if (path.includes(next)) continue;
      const found = visit(next, [...path, next]);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return visit(name, [name]);
}

function fault(manifest: Manifest, what: string, hint: string): XcoreError {
  return new XcoreError("PLUGIN_DEPENDENCY", `plugin '${manifest.name}' ${what}`, { hint });
}
