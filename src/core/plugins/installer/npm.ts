// Fetches an npm package as a tarball: from the registry npm would ask, pinned by digest, no script of it run.
import { join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import type { LockedSource } from "../lock.ts";
import type { SourceCache } from "./cache.ts";
import type { Caps } from "./caps.ts";
import { download } from "./download.ts";
import { lookUpPackage, releaseFor, type NpmPackage } from "./npm-registry.ts";
import { scopeOf } from "./npm-spec.ts";
import { readNpmrc } from "./npmrc.ts";
import type { NpmSource } from "./source-kinds.ts";

export interface RegistryOptions {
  /** Its .npmrc is in force. */
  workspace: string;
  /** The registry each scope was approved from, as xcore.lock has it. */
  scopes: Readonly<Record<string, string>>;
  caps: Caps;
  env: NodeJS.ProcessEnv;
  signal: AbortSignal;
}

export interface NpmOptions extends RegistryOptions {
  /** A folder that the archive may be put into. */
  room: string;
  cache: SourceCache;
  onProgress(message: string): void;
}

export interface NpmResult {
  /** The tarball, checked. */
  file: string;
  source: LockedSource & { type: "npm" };
}

/** Throws `SOURCE_UNREACHABLE`, `SOURCE_INVALID`, or `LOCK_MISMATCH` for another digest than was pinned or promised. */
export async function fetchNpm(source: NpmSource, options: NpmOptions): Promise<NpmResult> {
  const { name, range, locked } = source;
  const { cache, onProgress, caps, signal } = options;
  const known = locked === undefined ? undefined : await cache.archive(locked.archive);
  if (locked !== undefined && known !== undefined)
    return { file: known, source: { type: "npm", name, range, ...locked } };
  onProgress(`asking for ${name}`);
  const found = await findPackage(source, options);
  const release = releaseFor(found, locked?.release ?? source.release ?? range);
  const expected = locked?.archive ?? release.archive;
  const cached = expected === undefined ? undefined : await cache.archive(expected);
  const fetched = cached ?? join(options.room, "archive.tgz");
  let archive = expected;
  if (cached === undefined) {
    const url = tarballUrl(release.tarball, found);
    const authorization = (await readNpmrc(options.workspace, options.env)).authorization(url);
    archive = await download({
      url,
      file: fetched,
      caps,
      signal,
      onProgress,
      ...(authorization === undefined ? {} : { headers: { authorization } }),
    });
    if (expected !== undefined && archive !== expected)
      throw anotherDigest(`npm:${name}@${release.version}`, url);
  }
  const pinned = archive ?? "";
  const file = cached ?? (await cache.keepArchive(fetched, pinned));
  const registry = locked?.registry ?? found.registry;
  return { file, source: { type: "npm", name, range, release: release.version, registry, archive: pinned } };
}

/** What the registry of this name offers. Throws `FORBIDDEN` when it is not the one that the name or its scope was approved from. */
export async function findPackage(
  { name, approvedFrom }: Pick<NpmSource, "name" | "approvedFrom">,
  options: RegistryOptions,
): Promise<NpmPackage> {
  const { workspace, scopes, caps, env, signal } = options;
  const npmrc = await readNpmrc(workspace, env);
  const registry = await npmrc.registryOf(name);
  const scope = scopeOf(name);
  const pinned = (scope === undefined ? undefined : scopes[scope]) ?? approvedFrom;
  if (pinned !== undefined && pinned !== registry) throw anotherRegistry(name, pinned, registry);
  return lookUpPackage({ name, registry, npmrc, caps, signal });
}

function anotherRegistry(name: string, pinned: string, registry: string): XcoreError {
  const scope = scopeOf(name);
  const what = scope === undefined ? `npm:${name} was` : `npm packages of ${scope} were`;
  return new XcoreError(
    "FORBIDDEN",
    `${what} approved from ${pinned}; now they would come from ${registry}`,
    {
      hint:
        scope === undefined
          ? `Write registry=${pinned} into .npmrc. If the package did move, remove it with --data keep and add it again.`
          : `Write ${scope}:registry=${pinned} into .npmrc. If the scope did move, change it under scopes in xcore.lock.`,
      details: { name, pinned, registry },
    },
  );
}

// A registry may keep its tarballs elsewhere, but not where they can be changed on their way.
function tarballUrl(tarball: string, { registry, name }: NpmPackage): string {
  const url = URL.parse(tarball, registry);
  const allowed = url?.protocol === "https:" || (url !== null && url.origin === new URL(registry).origin);
  if (url !== null && allowed && url.username === "" && url.password === "") return url.href;
  throw new XcoreError(
    "SOURCE_INVALID",
    `${registry} gives an address for npm:${name} that is not used: ${tarball.slice(0, 200)}`,
    {
      hint: "It must be https, or on the registry itself.",
    },
  );
}

/** What was fetched is not what was pinned or promised. */
export function anotherDigest(what: string, url: string): XcoreError {
  return new XcoreError(
    "LOCK_MISMATCH",
    `${what} is not the archive it was: ${what === url ? "it" : url} gives another digest`,
    {
      hint: "Nothing was changed. Do not take it before whoever offers it has explained that.",
      details: { url },
    },
  );
}
