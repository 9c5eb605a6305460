// A plugin of a registry as its archive: what the index or xcore.lock says it hashes to, and nothing else.
import { basename } from "node:path";
import type { LockedSource } from "../lock.ts";
import { SourceCache, digestOf } from "../installer/cache.ts";
import { anotherDigest } from "../installer/npm.ts";
import { packName } from "../signatures/pack-name.ts";
import { findInRegistries, type ClientOptions } from "./client.ts";
import { fetchFile } from "./place.ts";
import { archiveFolder } from "./registry-index.ts";
import type { RegistrySource } from "./spec.ts";

export interface RegistryResult {
  /** The archive, checked. */
  file: string;
  source: LockedSource & { type: "registry" };
  /** The key that owns the name; undefined where the lock pins the archive already. */
  owner: string | undefined;
}

/** Throws `PLUGIN_NOT_FOUND`, `SOURCE_UNREACHABLE`, `REGISTRY_INVALID`, `LOCK_MISMATCH` for another digest. */
export async function fetchFromRegistry(
  source: RegistrySource,
  options: ClientOptions,
): Promise<RegistryResult> {
  const { name, range } = source;
  const { pinned, owner } =
    source.locked === undefined ? await look(source, options) : { pinned: source.locked, owner: undefined };
  const { registry, release, archive } = pinned;
  const cache = new SourceCache(options.stateFolder);
  const known = await cache.archive(archive);
  const locked = { type: "registry", name, range, ...pinned } as const;
  if (known !== undefined) return { file: known, source: locked, owner };
  const file = { folder: archiveFolder(name), name: basename(packName(name, release)) };
  const fetched = await fetchFile(registry, file, { ...options, room: await options.room() });
  if ((await digestOf(fetched)) !== archive) throw anotherDigest(`${name}@${release}`, registry);
  return { file: await cache.keepArchive(fetched, archive), source: locked, owner };
}

async function look(source: RegistrySource, options: ClientOptions) {
  const range = source.release ?? source.range;
  const found = await findInRegistries({ name: source.name, range, registry: source.registry }, options);
  const { registry, version, release, plugin } = found;
  const { archive } = release;
  const pinned = { registry: registry.url, release: version, archive, serial: registry.index.serial };
  return { pinned, owner: plugin.owner };
}
