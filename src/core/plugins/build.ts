// Everything that is known of a plugin before an isolate is opened: manifest, approval, options, bundle.
import type { Json } from "../../wire/json.ts";
import type { Limits } from "../base/limits.ts";
import type { Config, Permissions } from "../config/config.ts";
import type { Bundle, Bundler } from "../sandbox/bundle.ts";
import { effectiveLimits, effectivePermissions, effectiveSecrets } from "./approval.ts";
import type { Manifest } from "./manifest.ts";
import { checkedOptions } from "./options.ts";
import { checkCompatible } from "./read-manifest.ts";
import { checkTrust } from "./trust.ts";
import type { CatalogEntry } from "./catalog.ts";

export interface Build {
  readonly entry: CatalogEntry;
  readonly manifest: Manifest;
  /** `notes@1.0.0` */
  readonly label: string;
  readonly permissions: Permissions;
  readonly limits: Limits;
  readonly config: Readonly<Record<string, Json>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly bundle: Bundle;
  /** The installation trusts exactly this code: it runs in the core's own process. */
  readonly trusted: boolean;
  /** Isolates at the same time, each in a host process of its own; one unless integration.yaml says otherwise. */
  readonly isolates: number;
  /** It may have hooks around the calls of others. */
  readonly hooks: boolean;
}

export interface BuildSources {
  config: Config;
  /** What xcore.lock approved; undefined for the workspace's own plugins. */
  approval: Permissions | undefined;
  xcoreVersion: string;
  bundler: Bundler;
}

/** Checks what the manifest asks for against what the installation allows, then bundles. Runs nothing of the plugin. */
export async function buildPlugin(
  entry: CatalogEntry,
  manifest: Manifest,
  sources: BuildSources,
): Promise<Build> {
  checkCompatible(manifest, sources.xcoreVersion);
  const trust = sources.config.plugins[manifest.name]?.trust;
  const settled = {
    entry,
    manifest,
    label: `${manifest.name}@${manifest.version}`,
    permissions: effectivePermissions(manifest, sources.approval, sources.config),
    limits: effectiveLimits(manifest, sources.config),
    config: checkedOptions(manifest, sources.config),
    secrets: effectiveSecrets(manifest, sources.config),
    trusted: trust !== undefined,
    isolates: sources.config.plugins[manifest.name]?.isolates ?? 1,
    hooks: sources.config.plugins[manifest.name]?.hooks ?? false,
  };
  const bundle = await sources.bundler.rebuild();
  if (trust !== undefined) checkTrust(manifest.name, trust, bundle.code);
  return { ...settled, bundle };
}
