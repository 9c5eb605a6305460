// What an installation knows of its registries: their indexes, checked against trusted keys and against what was seen before.
import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError } from "../../base/error.ts";
import { suggestion } from "../../base/nearest.ts";
import type { Config } from "../../config/config.ts";
import { readLock } from "../lock.ts";
import { replace } from "../signatures/sign.ts";
import { fetchFile, type PlaceOptions } from "./place.ts";
import {
  indexFile,
  indexFolder,
  newestRelease,
  openIndex,
  type IndexedPlugin,
  type RegistryIndex,
  type Release,
} from "./registry-index.ts";
import type { RegistrySpec } from "./spec.ts";

export interface KnownRegistry {
  /** As integration.yaml names it. */
  readonly name: string;
  readonly url: string;
  readonly index: RegistryIndex;
}

export interface Found {
  readonly registry: KnownRegistry;
  readonly plugin: IndexedPlugin;
  readonly version: string;
  readonly release: Release;
}

export interface ClientOptions extends Omit<PlaceOptions, "room"> {
  registries: Config["registries"];
  room(): Promise<string>;
}

const largestIndex = 16 * 1024 ** 2;

/** The index of each registry, or of the one that is named. Throws for one that can't be had or is not as it should be. */
export async function readRegistries(options: ClientOptions, only?: string): Promise<KnownRegistry[]> {
  const all = Object.entries(options.registries);
  const wanted = all.filter(([name]) => only === undefined || name === only);
  if (wanted.length === 0) {
    throw new XcoreError(
      "SOURCE_INVALID",
      only === undefined
        ? "integration.yaml names no registry"
        : `integration.yaml names no registry '${only}'`,
      {
        hint:
          all.length === 0
            ? "Add one: registries: { ours: { url: https://…, keys: [ed25519:…] } }"
            : `There is ${suggestion(
                only ?? "",
                all.map(([name]) => name),
              )}`,
      },
    );
  }
  return Promise.all(wanted.map(([name, { url, keys }]) => readRegistry({ name, url, keys }, options)));
}

/** The newest version that fits. Throws `PLUGIN_NOT_FOUND`; `SOURCE_INVALID` when several registries have a plugin of that name. */
export async function findInRegistries(spec: RegistrySpec, options: ClientOptions): Promise<Found> {
  const { name, range } = spec;
  const registries = await readRegistries(options, spec.registry);
  const having = registries.flatMap((registry) => {
    const plugin = Object.hasOwn(registry.index.plugins, name) ? registry.index.plugins[name] : undefined;
    return plugin === undefined ? [] : [{ registry, plugin }];
  });
  const [first, second] = having;
  if (first === undefined) throw notThere(name, registries);
  if (second !== undefined) {
    const names = having.map(({ registry }) => registry.name);
    throw new XcoreError(
      "SOURCE_INVALID",
      `several registries have a plugin '${name}': ${names.join(", ")}`,
      {
        hint: `Say which one is meant: registry:${names[0]}/${name}`,
        details: { registries: names },
      },
    );
  }
  const version = newestRelease(first.plugin, range);
  const release = version === undefined ? undefined : first.plugin.versions[version];
  if (version === undefined || release === undefined) {
    const versions = Object.keys(first.plugin.versions).slice(-20).join(", ");
    throw new XcoreError(
      "PLUGIN_NOT_FOUND",
      `${first.registry.url} has no version of '${name}' for ${range ?? "*"}`,
      {
        hint: `There is ${versions || "no version"}.`,
      },
    );
  }
  return { ...first, version, release };
}

async function readRegistry(
  { name, url, keys }: { name: string; url: string; keys: readonly string[] },
  options: ClientOptions,
): Promise<KnownRegistry> {
  const memory = join(options.stateFolder, "registries", `${sha256(url).slice(0, 24)}.json`);
  const before = await readFile(memory, "utf8").catch(() => undefined);
  const known = before === undefined ? undefined : opened(before, url, keys);
  options.onProgress(`asking ${name} for its plugins`);
  let sealed: string;
  try {
    const file = { folder: indexFolder, name: indexFile };
    const path = await fetchFile(url, file, { ...options, room: await options.room() });
    if ((await stat(path)).size > largestIndex) throw invalid(url, "is too large");
    sealed = await readFile(path, "utf8");
  } catch (error) {
    const unreachable = error instanceof XcoreError && error.code === "SOURCE_UNREACHABLE";
    if (!unreachable || known === undefined) throw error;
    options.onProgress(`${name} can't be reached; this is what it had on ${known.time}`);
    return { name, url, index: known };
  }
  const index = openIndex(sealed, url, keys);
  await refuseOlder({ url, index, sealed, known, before }, options.workspace);
  if (sealed !== before) {
    await mkdir(join(options.stateFolder, "registries"), { recursive: true, mode: 0o700 });
    await replace(memory, Buffer.from(sealed));
  }
  return { name, url, index };
}

// What is remembered was checked with the keys of then; it counts only where those of now fit, too.
function opened(sealed: string, url: string, keys: readonly string[]): RegistryIndex | undefined {
  try {
    return openIndex(sealed, url, keys);
  } catch {
    return undefined;
  }
}

interface Comparison {
  url: string;
  index: RegistryIndex;
  sealed: string;
  known: RegistryIndex | undefined;
  before: string | undefined;
}

// Whoever serves it may keep newer versions from us, but not unnoticed once we have seen them, on this machine or in xcore.lock.
async function refuseOlder(
  { url, index, sealed, known, before }: Comparison,
  workspace: string,
): Promise<void> {
  const locked = Object.values((await readLock(workspace)).plugins).flatMap(({ source }) =>
    source.type === "registry" && source.registry === url ? [source.serial] : [],
  );
  const newest = Math.max(known?.serial ?? 0, ...locked);
  if (index.serial < newest) {
    throw new XcoreError(
      "SIGNATURE_REPLAYED",
      `the index of ${url} is older (number ${index.serial}) than one that was seen here (number ${newest})`,
      { hint: "Somebody may keep newer versions from you. Ask its publisher.", details: { url } },
    );
  }
  if (known?.serial === index.serial && sealed !== before) {
    throw invalid(url, `has two faces: another index of number ${index.serial} was seen here`);
  }
}

function notThere(name: string, registries: readonly KnownRegistry[]): XcoreError {
  const names = registries.flatMap(({ index }) => Object.keys(index.plugins));
  const where = registries.map(({ url }) => url).join(" or ");
  const text = suggestion(name, names);
  return new XcoreError("PLUGIN_NOT_FOUND", `there is no plugin '${name}' in ${where}`, {
    hint: `${text.charAt(0).toUpperCase()}${text.slice(1)}`,
  });
}

function invalid(url: string, what: string): XcoreError {
  return new XcoreError("REGISTRY_INVALID", `the index of ${url} ${what}`, {
    hint: "Do not install from it before its publisher has explained that.",
    details: { url },
  });
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
