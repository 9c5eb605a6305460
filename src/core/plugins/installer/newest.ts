// What newer there is of an installed plugin where it came from: a branch's head, newer tags by semver, releases of a registry.
import semver from "semver";
import { XcoreError } from "../../base/error.ts";
import type { LockEntry } from "../lock.ts";
import type { Workroom } from "./context.ts";
import { withinBounds } from "./git-bounds.ts";
import { fullId, listRefs } from "./git-refs.ts";
import { findPackage } from "./npm.ts";
import { newestIn } from "./npm-registry.ts";
import { parseNpmSpec } from "./npm-spec.ts";
import { newestInRegistry } from "../registries/newest.ts";
import { parseRegistrySpec } from "../registries/spec.ts";
import { parseSource, sourceOfLock } from "./source.ts";
import type { GitSource, NpmSource, Source } from "./source-kinds.ts";

export interface Candidate {
  /** As people say it: `v1.3.0`, `1.3.0`, twelve digits of a commit. */
  readonly label: string;
  readonly source: Source;
}

export interface Newest {
  /** What follows what: a branch, tags, a commit that stays, a range of npm or of a registry, or nothing that can be asked. */
  readonly follows: "branch" | "tags" | "commit" | "npm" | "registry" | "folder" | "nothing";
  readonly current: string;
  /** Where an update leads by itself; undefined: it is there already. */
  readonly wanted: Candidate | undefined;
  /** The newest there is, where that is another one than `wanted` would be. */
  readonly latest: Candidate | undefined;
}

type Locked = LockEntry["source"];
type Room = Pick<Workroom, "config" | "caps" | "env" | "signal" | "onProgress" | "room"> & {
  scopes: Readonly<Record<string, string>>;
};

/** Throws `SOURCE_UNREACHABLE`, `SOURCE_INVALID`, or `FORBIDDEN` for a scope that comes from another registry. */
export async function newestOf(entry: LockEntry, workroom: Room): Promise<Newest> {
  const { source } = entry;
  const here = await sourceOfLock(source, workroom.config.workspace);
  if (source.type === "git") return newestCommit(source, here as GitSource, workroom);
  if (source.type === "npm") return newestRelease(source, here as NpmSource, workroom);
  if (source.type === "registry") return newestInRegistry(source, workroom);
  const follows = source.type === "folder" ? "folder" : "nothing";
  const wanted = source.type === "folder" ? { label: entry.version, source: here } : undefined;
  return { follows, current: entry.version, wanted, latest: undefined };
}

/** What `--to` names, of the kind that is installed: a branch, tag or commit, an npm version, range or tag, another archive or folder. */
export async function candidateFor(entry: LockEntry, to: string, workspace: string): Promise<Candidate> {
  const here = await sourceOfLock(entry.source, workspace);
  if (here.type === "git") {
    const suffix = here.subfolder === undefined ? "" : `//${here.subfolder}`;
    const parsed = await parseSource(`git+${here.url}${suffix}#${to}`, { cwd: workspace, workspace });
    const { submodules } = here;
    const asked = parsed.type !== "git" || submodules === undefined ? {} : { submodules };
    return { label: to, source: { ...parsed, ...asked } };
  }
  if (here.type === "npm") {
    const spec = parseNpmSpec(`${here.name}@${to}`);
    if (typeof spec === "string")
      throw new XcoreError("USAGE", `--to: ${spec}`, { hint: "For example: --to ^2.0.0" });
    const approvedFrom = entry.source.type === "npm" ? { approvedFrom: entry.source.registry } : {};
    return { label: to, source: { type: "npm", ...spec, locked: undefined, ...approvedFrom } };
  }
  if (here.type === "registry") {
    const spec = parseRegistrySpec(`${here.name}@${to}`);
    if (typeof spec === "string")
      throw new XcoreError("USAGE", `--to: ${spec}`, { hint: "For example: --to ^2.0.0" });
    return { label: to, source: { ...here, range: spec.range, locked: undefined } };
  }
  const parsed = await parseSource(to, { cwd: process.cwd(), workspace });
  if (parsed.type === here.type) return { label: to, source: parsed };
  throw new XcoreError("USAGE", `'${to}' is no ${here.type}, as what is installed is`, {
    hint: "To take it from elsewhere, remove it with --data keep and add it again.",
  });
}

async function newestCommit(
  locked: Locked & { type: "git" },
  here: GitSource,
  workroom: Room,
): Promise<Newest> {
  const current = labelOf(locked);
  const { ref, commit } = locked;
  const { caps, env, signal, onProgress } = workroom;
  const folder = await workroom.room();
  const options = { folder, source: here, caps, env, signal, onProgress };
  const refs = await withinBounds(options, (git) =>
    listRefs(git, [
      "HEAD",
      "refs/tags/*",
      ...(ref === undefined || fullId.test(ref) ? [] : [`refs/heads/${ref}`]),
    ]),
  );
  const at = (name: string): string | undefined => refs.get(`${name}^{}`) ?? refs.get(name);
  const to = (label: string, ref: string | undefined, id: string): Candidate | undefined =>
    id === commit ? undefined : { label, source: { ...here, ref, commit: id } };

  const tag = ref === undefined ? undefined : at(`refs/tags/${ref}`);
  if (ref !== undefined && tag !== undefined) {
    const { wanted, latest } = newerTags(ref, [...refs.keys()]);
    const idOf = (name: string): string => at(`refs/tags/${name}`) ?? tag;
    return {
      follows: "tags",
      current,
      wanted: to(wanted, wanted, idOf(wanted)),
      latest: latest === wanted ? undefined : to(latest, latest, idOf(latest)),
    };
  }
  if (ref !== undefined && commit.startsWith(ref))
    return { follows: "commit", current, wanted: undefined, latest: undefined };
  const head = at(ref === undefined ? "HEAD" : `refs/heads/${ref}`);
  if (head === undefined) {
    throw new XcoreError(
      "SOURCE_INVALID",
      `${here.url} no longer has ${ref === undefined ? "a default branch" : `a branch or tag '${ref}'`}`,
      {
        hint: "Name another one with --to.",
      },
    );
  }
  return { follows: "branch", current, wanted: to(head.slice(0, 12), ref, head), latest: undefined };
}

// `notes-v1.2.0` and `v1.2.0` are lines of their own: only tags that begin alike are compared.
function newerTags(ref: string, names: readonly string[]): { wanted: string; latest: string } {
  const parts = versionIn(ref);
  if (parts === undefined) return { wanted: ref, latest: ref };
  const { prefix, version } = parts;
  const line = names.flatMap((name) => {
    const tag = /^refs\/tags\/(.*?)(\^\{\})?$/.exec(name)?.[1];
    const found = tag === undefined ? undefined : versionIn(tag);
    return tag !== undefined && found?.prefix === prefix ? [{ tag, version: found.version }] : [];
  });
  const includePrerelease = semver.prerelease(version) !== null;
  const newest = (range: string): string => {
    const fitting = line.filter((one) => semver.satisfies(one.version, range, { includePrerelease }));
    return fitting.sort((a, b) => semver.rcompare(a.version, b.version))[0]?.tag ?? ref;
  };
  return { wanted: newest(`^${version}`), latest: newest(`>=${version}`) };
}

function versionIn(tag: string): { prefix: string; version: string } | undefined {
  const [, prefix, version] = /^(.*?)(\d+\.\d+\.\d+.*)$/.exec(tag) ?? [];
  if (prefix === undefined || version === undefined || semver.valid(version) === null) return undefined;
  return { prefix, version };
}

async function newestRelease(
  locked: Locked & { type: "npm" },
  here: NpmSource,
  workroom: Room,
): Promise<Newest> {
  const { release, range } = locked;
  const { config, scopes } = workroom;
  // What an unscoped name means elsewhere is another matter: it stays with the registry it was approved from.
  const approvedFrom = locked.registry;
  const found = await findPackage(
    { name: here.name, approvedFrom },
    { ...workroom, workspace: config.workspace, scopes },
  );
  const to = (version: string | undefined): Candidate | undefined =>
    version === undefined || version === release || semver.lt(version, release)
      ? undefined
      : { label: version, source: { ...here, locked: undefined, range, release: version, approvedFrom } };
  const wanted = to(newestIn(found, range));
  const latest = to(newestIn(found, undefined));
  return {
    follows: "npm",
    current: release,
    wanted,
    latest: latest?.label === wanted?.label ? undefined : latest,
  };
}

/** What is installed, as `outdated` shows it. */
export function labelOf(source: Locked): string {
  switch (source.type) {
    case "git":
      return source.ref !== undefined && versionIn(source.ref) !== undefined
        ? source.ref
        : source.commit.slice(0, 12);
    case "npm":
    case "registry":
      return source.release;
    case "tarball":
      return source.url;
    case "folder":
      return source.path;
  }
}
