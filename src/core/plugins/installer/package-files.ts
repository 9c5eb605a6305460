// What npm is given of a plugin's package.json and lock file: the packages it needs to run, if a registry serves them, and nothing else.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import type { LockedPackages } from "../lock-built.ts";

export interface PackageFiles {
  /** Packages it names itself. */
  names: string[];
  packageJson: string;
  /** The plugin's own, or what xcore.lock pins; undefined where neither is: then what is newest is taken. */
  lock: string | undefined;
}

type Range = Readonly<Record<string, string>>;

interface LockPackage {
  dev?: unknown;
  link?: unknown;
  resolved?: unknown;
}

/**
 * Undefined when it needs no packages. `pinned`: what xcore.lock says of a plugin that has no lock file of its own.
 * Throws `PLUGIN_IMPORT` for what no registry serves: paths would reach into this machine.
 */
export async function packageFiles(
  folder: string,
  plugin: string,
  pinned?: LockedPackages,
): Promise<PackageFiles | undefined> {
  const given = await readJson(folder, "package.json", plugin);
  const dependencies = ranges(given["dependencies"], plugin);
  const optionalDependencies = ranges(given["optionalDependencies"], plugin);
  const wanted = { ...dependencies, ...optionalDependencies };
  const names = Object.keys(wanted);
  if (names.length === 0) return undefined;
  if (Object.hasOwn(wanted, "xcore")) {
    throw invalidPackages(
      plugin,
      "its package.json lists xcore under dependencies",
      "Its author must move xcore to devDependencies.",
    );
  }
  const foreign = Object.entries(wanted).filter(([name, range]) => !isName(name) || !isServed(range));
  if (foreign.length > 0) {
    const shown = foreign.map(([name, range]) => `${name}@${range}`).join(", ");
    throw invalidPackages(plugin, `it needs packages that no registry serves: ${shown}`);
  }
  const overrides = given["overrides"];
  if (!leaves(overrides).every(isServed)) {
    throw invalidPackages(plugin, "the overrides in its package.json name packages that no registry serves");
  }
  const root = { name: plugin, version: "0.0.0", dependencies, optionalDependencies };
  return {
    names,
    packageJson: JSON.stringify({ ...root, ...(overrides === undefined ? {} : { overrides }) }),
    lock: (await trimmedLock(folder, plugin, root)) ?? pinnedLock(pinned, root),
  };
}

/** Where nothing pinned the packages, the digests were not written down: then there is nothing to go by. */
function pinnedLock(pinned: LockedPackages | undefined, root: { name: string }): string | undefined {
  const entries = Object.entries(pinned ?? {});
  if (entries.length === 0 || entries.some(([, { integrity }]) => integrity === undefined)) return undefined;
  return lockText(root, entries);
}

function lockText(root: { name: string }, entries: readonly (readonly [string, object])[]): string {
  const packages = { "": root, ...Object.fromEntries(entries) };
  return JSON.stringify({ name: root.name, lockfileVersion: 3, requires: true, packages });
}

export function invalidPackages(
  plugin: string,
  why: string,
  hint = "Ask its author to correct that.",
): XcoreError {
  return new XcoreError("PLUGIN_IMPORT", `plugin '${plugin}' can't be installed: ${why}`, { hint });
}

async function trimmedLock(
  folder: string,
  plugin: string,
  root: { name: string },
): Promise<string | undefined> {
  for (const name of ["npm-shrinkwrap.json", "package-lock.json"]) {
    const { packages } = await readJson(folder, name, plugin);
    if (typeof packages !== "object" || packages === null) continue;
    const kept = Object.entries(packages as Record<string, LockPackage>).filter(
      ([path, one]) => path !== "" && Object(one).dev !== true,
    );
    const foreign = kept.filter(
      ([path, one]) => !isPackagePath(path) || one.link === true || !isFetched(one.resolved),
    );
    if (foreign.length > 0) {
      const shown = foreign.map(([path]) => path).join(", ");
      throw invalidPackages(plugin, `its ${name} names packages that no registry serves: ${shown}`);
    }
    // Where each package comes from is the installation's word (.npmrc), not the plugin's: its addresses would choose the registry
    // of every scope, and let it make this machine ask any server. What must come is pinned by its digest all the same.
    return lockText(
      root,
      kept.map(([path, one]) => {
        const { resolved: _, ...rest } = one;
        return [path, rest] as const;
      }),
    );
  }
  return undefined;
}

async function readJson(folder: string, name: string, plugin: string): Promise<Record<string, unknown>> {
  try {
    return Object(JSON.parse(await readFile(join(folder, name), "utf8"))) as Record<string, unknown>;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return {};
    throw invalidPackages(plugin, `its ${name} is no JSON: ${messageOf(error)}`);
  }
}

function ranges(given: unknown, plugin: string): Range {
  const entries = Object.entries(Object(given ?? {}) as Record<string, unknown>);
  const bad = entries.find(([, range]) => typeof range !== "string");
  if (bad !== undefined) throw invalidPackages(plugin, `its package.json gives no version for '${bad[0]}'`);
  return Object.fromEntries(entries) as Range;
}

const isName = (name: string): boolean => /^(@[a-z0-9~-][\w.~-]*\/)?[a-z0-9~-][\w.~-]*$/i.test(name);

/** A version, a range or a tag, of another name too (`npm:other@^1`); never a path, an address or a repository. */
const isServed = (range: string): boolean => !/[:/\\]/.test(range.replace(/^npm:(@[^/:\\]+\/)?/, ""));

const isPackagePath = (path: string): boolean =>
  path.split(/(?:^|\/)node_modules\//).every((part, at) => (at === 0 ? part === "" : isName(part)));

const isFetched = (resolved: unknown): boolean =>
  resolved === undefined || (typeof resolved === "string" && /^https?:\/\//.test(resolved));

function leaves(value: unknown): string[] {
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(leaves);
  return value === undefined ? [] : [String(value)];
}
