// Looking for plugins in an installation's registries. Nothing of a plugin is fetched, only the signed indexes.
import { asXcoreError, errorData, type ErrorData } from "../../base/error.ts";
import { permissionsOf } from "../../config/permissions.ts";
import { signerWords } from "../signatures/check.ts";
import { asksOf, type Ask } from "../installer/consent.ts";
import { withWorkroom, type InstallerOptions } from "../installer/context.ts";
import { findInRegistries, readRegistries, type ClientOptions, type Found } from "./client.ts";
import { newestRelease } from "./registry-index.ts";
import { parseRegistrySpec } from "./spec.ts";

export interface SearchHit {
  name: string;
  version: string;
  description: string;
  registry: string;
}

export interface SearchReport {
  /** By name. */
  plugins: SearchHit[];
  /** Registries that could not be asked. */
  failed: ({ registry: string } & ErrorData)[];
}

/** Plugins whose name or description holds every word of the text, whatever its letter case; all for an empty one. */
export async function searchRegistries(options: InstallerOptions, text: string): Promise<SearchReport> {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return withWorkroom(options, async (workroom) => {
    const client = clientOf(workroom);
    const names = Object.keys(options.config.registries);
    if (names.length === 0) await readRegistries(client);
    const report: SearchReport = { plugins: [], failed: [] };
    for (const registry of names) {
      try {
        const [known] = await readRegistries(client, registry);
        for (const [name, plugin] of Object.entries(known?.index.plugins ?? {})) {
          const version = newestRelease(plugin, undefined);
          const release = version === undefined ? undefined : plugin.versions[version];
          if (version === undefined || release === undefined) continue;
          const { description } = release;
          const haystack = `${name} ${description}`.toLowerCase();
          if (words.every((word) => haystack.includes(word)))
            report.plugins.push({ name, version, description, registry });
        }
      } catch (error) {
        report.failed.push({ registry, ...errorData(asXcoreError(error)) });
      }
    }
    report.plugins.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    return report;
  });
}

export interface RegistryInfo {
  name: string;
  version: string;
  description: string;
  registry: string;
  url: string;
  /** Who owns the name, in words. */
  signature: string;
  /** Newest first. */
  versions: string[];
  xcore: string;
  published: string;
  asks: readonly Ask[];
  dependencies: Readonly<Record<string, string>>;
}

/** What the registries say of a plugin; undefined where there are none. Throws `PLUGIN_NOT_FOUND`. */
export async function registryInfo(
  options: InstallerOptions,
  text: string,
): Promise<RegistryInfo | undefined> {
  const { config } = options;
  const spec = parseRegistrySpec(text);
  if (Object.keys(config.registries).length === 0 || typeof spec === "string") return undefined;
  const found = await withWorkroom(options, (workroom) => findInRegistries(spec, clientOf(workroom)));
  return infoOf(spec.name, found, signerWords(found.plugin.owner, config.policy.signatures));
}

function infoOf(
  name: string,
  { registry, plugin, version, release }: Found,
  signature: string,
): RegistryInfo {
  return {
    name,
    version,
    description: release.description,
    registry: registry.name,
    url: registry.url,
    signature,
    versions: Object.keys(plugin.versions).toReversed(),
    xcore: release.xcore,
    published: release.time,
    asks: asksOf(permissionsOf(release.permissions)),
    dependencies: release.dependencies,
  };
}

type Around = Pick<InstallerOptions, "config"> &
  Omit<ClientOptions, "registries" | "workspace" | "stateFolder">;

function clientOf(workroom: Around): ClientOptions {
  const { workspace, stateFolder, registries } = workroom.config;
  return { ...workroom, workspace, stateFolder, registries };
}
