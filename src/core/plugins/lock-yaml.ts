// xcore.lock between its file's shape and the one the program works with.
import type { Permissions } from "../config/config.ts";
import { permissionsOf } from "../config/permissions.ts";
import type { Lock, LockEntry, LockedRevision, LockedSource } from "./locked.ts";
import { builtYaml } from "./lock-built.ts";
import type { LockYaml, RevisionYaml, SourceYaml } from "./lock-schema.ts";

/** Undefined when the keys of different kinds are mixed or one is missing. */
export function sourceOf(yaml: SourceYaml): LockedSource | undefined {
  const { git, npm, tarball, folder, ref, subfolder, commit, tree, release, registry, archive } = yaml;
  const { plugin, serial, submodules } = yaml;
  if ([git, npm, plugin, tarball, folder].filter((one) => one !== undefined).length !== 1) return undefined;
  if (git !== undefined) {
    if (commit === undefined || tree === undefined || has(release, registry, archive, serial))
      return undefined;
    const asked = submodules === undefined ? {} : { submodules };
    return { type: "git", url: git, ref, subfolder, ...asked, commit, tree };
  }
  if (has(commit, tree, submodules)) return undefined;
  if (plugin !== undefined) {
    if (release === undefined || registry === undefined || archive === undefined || has(subfolder))
      return undefined;
    if (serial === undefined) return undefined;
    return { type: "registry", registry, name: plugin, range: ref, release, archive, serial };
  }
  if (has(serial)) return undefined;
  if (npm !== undefined) {
    if (release === undefined || registry === undefined || archive === undefined || has(subfolder))
      return undefined;
    return { type: "npm", name: npm, range: ref, release, registry, archive };
  }
  if (has(ref, release, registry)) return undefined;
  if (tarball !== undefined)
    return { type: "tarball", url: tarball, subfolder, ...(archive === undefined ? {} : { archive }) };
  if (folder === undefined || has(subfolder, archive)) return undefined;
  return { type: "folder", path: folder };
}

const has = (...values: unknown[]): boolean => values.some((value) => value !== undefined);

type EntryYaml = NonNullable<LockYaml["plugins"]>[string];

/** Undefined when one of its sources is none. */
export function entryOf(yaml: EntryYaml): LockEntry | undefined {
  const { previous, ...rest } = yaml;
  const here = revisionOf(rest);
  if (here === undefined) return undefined;
  if (previous === undefined) return { ...rest, ...here };
  const before = revisionOf(previous);
  return before === undefined ? undefined : { ...rest, ...here, previous: before };
}

function revisionOf(yaml: RevisionYaml): LockedRevision | undefined {
  const source = sourceOf(yaml.source);
  return source === undefined ? undefined : { ...yaml, source, approved: permissionsOf(yaml.approved) };
}

/** The whole file: plugins by name, only what is granted is written. */
export function lockYaml({ plugins, links = {}, scopes = {}, seen = {} }: Lock): LockYaml {
  return {
    version: 2,
    ...(isEmpty(plugins) ? {} : { plugins: sorted(plugins, entryYaml) }),
    ...(isEmpty(links) ? {} : { links: sorted(links, (link) => link) }),
    ...(isEmpty(seen) ? {} : { seen: sorted(seen, (one) => one) }),
    ...(isEmpty(scopes) ? {} : { scopes: sorted(scopes, (registry) => registry) }),
  };
}

export const isEmpty = (map: object): boolean => Object.keys(map).length === 0;

function sorted<From, To>(map: Readonly<Record<string, From>>, to: (from: From) => To): Record<string, To> {
  const entries = Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, value]) => [name, to(value)]));
}

function entryYaml(entry: LockEntry): EntryYaml {
  const { pinned, previous, wentBack } = entry;
  return {
    ...revisionYaml(entry),
    ...(pinned === undefined ? {} : { pinned }),
    ...(previous === undefined ? {} : { previous: revisionYaml(previous) }),
    ...(wentBack === undefined ? {} : { wentBack }),
  };
}

function revisionYaml(revision: LockedRevision): RevisionYaml {
  const { version, source, integrity, approved } = revision;
  return {
    version,
    source: sourceYaml(source),
    integrity,
    ...builtYaml(revision),
    approved: approvedYaml(approved),
  } as RevisionYaml;
}

export function approvedYaml({ events, ...rest }: Permissions): RevisionYaml["approved"] {
  const granted = Object.entries(rest).filter(([, value]) => asked(value));
  const eventLists = Object.entries(events).filter(([, value]) => asked(value));
  return Object.fromEntries([
    ...granted,
    ...(eventLists.length === 0 ? [] : [["events", Object.fromEntries(eventLists)]]),
  ]) as RevisionYaml["approved"];
}

const asked = (value: boolean | readonly string[]): boolean =>
  typeof value === "boolean" ? value : value.length > 0;

function sourceYaml(source: LockedSource): SourceYaml {
  switch (source.type) {
    case "git":
      return {
        git: source.url,
        ...optional({ ref: source.ref, subfolder: source.subfolder }),
        ...(source.submodules === undefined ? {} : { submodules: source.submodules }),
        commit: source.commit,
        tree: source.tree,
      };
    case "npm":
      return {
        npm: source.name,
        ...optional({ ref: source.range }),
        release: source.release,
        registry: source.registry,
        archive: source.archive,
      };
    case "registry":
      return {
        plugin: source.name,
        ...optional({ ref: source.range }),
        release: source.release,
        registry: source.registry,
        archive: source.archive,
        serial: source.serial,
      };
    case "tarball":
      return {
        tarball: source.url,
        ...optional({ subfolder: source.subfolder, archive: source.archive }),
      };
    case "folder":
      return { folder: source.path };
  }
}

function optional(values: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}
