// What newer there is of a plugin in the registry it came from.
import semver from "semver";
import { XcoreError } from "../../base/error.ts";
import type { Workroom } from "../installer/context.ts";
import type { LockedSource } from "../lock.ts";
import { readRegistries } from "./client.ts";
import { newestRelease } from "./registry-index.ts";
import type { RegistrySource } from "./spec.ts";

export interface NewestRelease {
  readonly follows: "registry";
  readonly current: string;
  readonly wanted: { label: string; source: RegistrySource } | undefined;
  readonly latest: { label: string; source: RegistrySource } | undefined;
}

/** It stays with the registry it came from. Throws `SOURCE_INVALID` when integration.yaml no longer names that one. */
export async function newestInRegistry(
  locked: LockedSource & { type: "registry" },
  workroom: Pick<Workroom, "config" | "caps" | "env" | "signal" | "onProgress" | "room">,
): Promise<NewestRelease> {
  const { config } = workroom;
  const { workspace, stateFolder, registries } = config;
  const registry = Object.keys(registries).find((name) => registries[name]?.url === locked.registry);
  if (registry === undefined) {
    throw new XcoreError(
      "SOURCE_INVALID",
      `integration.yaml no longer names the registry ${locked.registry}`,
      {
        hint: `Name it under registries, or remove '${locked.name}' and add it from elsewhere.`,
      },
    );
  }
  const [known] = await readRegistries({ ...workroom, workspace, stateFolder, registries }, registry);
  const plugins = known?.index.plugins ?? {};
  const plugin = Object.hasOwn(plugins, locked.name) ? plugins[locked.name] : undefined;
  const { name, range, release } = locked;
  const to = (version: string | undefined) =>
    version === undefined || semver.lte(version, release)
      ? undefined
      : {
          label: version,
          source: { type: "registry", name, range, registry, release: version, locked: undefined } as const,
        };
  const wanted = plugin === undefined ? undefined : to(newestRelease(plugin, range));
  const latest = plugin === undefined ? undefined : to(newestRelease(plugin, undefined));
  return {
    follows: "registry",
    current: release,
    wanted,
    latest: latest?.label === wanted?.label ? undefined : latest,
  };
}
