// Makes the registry of a server out of its parts: catalog, lock, bundlers, grants.
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { packageVersion } from "../base/package-root.ts";
import { Slots } from "../base/slots.ts";
import type { Config } from "../config/config.ts";
import { createBundler, type Bundler } from "../sandbox/bundle.ts";
import type { SandboxPool } from "../sandbox/sandbox.ts";
import type { Outbound } from "../services/fetch/outbound.ts";
import type { ServiceRegistry } from "../services/registry.ts";
import { buildPlugin, type Build } from "./build.ts";
import { readCatalog, type CatalogEntry } from "./catalog.ts";
import { checkDependencies } from "./dependencies.ts";
import { keepEvent } from "./durable-events.ts";
import { Hooks } from "./hooks.ts";
import { installedPlugins } from "./installed.ts";
import { verifiedEntry, verifyBundle } from "./installer/verify.ts";
import { actionCalls, secretCalls } from "./own-calls.ts";
import { noteBreaks } from "./note-breaks.ts";
import { pluginTypes } from "./plugin-types.ts";
import { Probation } from "./probation.ts";
import { PluginRegistry } from "./registry.ts";
import { readManifest } from "./read-manifest.ts";
import type { TenantSources } from "./tenant-gate.ts";

export interface OpenPluginsOptions {
  /** The configuration as it is now; a reload may replace it. */
  config(): Config;
  services: ServiceRegistry;
  sandboxes: SandboxPool;
  outbound: Outbound;
  logger: Logger;
  /** Applies or checks the migrations of a plugin that owns a schema. */
  migrate(build: Build): Promise<void>;
  /** Undefined: the server has no tenants. */
  tenants?: TenantSources | undefined;
  /** Brings back what ran before a revision that failed its first minute. */
  goBack(plugin: string, folder: string, reason: XcoreError): Promise<void>;
  /** How long that minute is. */
  probationMs: number;
  /** Keep plugin-env.d.ts of the workspace's own plugins in step with their manifests. */
  writeTypes: boolean;
}

export interface Plugins extends AsyncDisposable {
  readonly registry: PluginRegistry;
}

/** Nothing is loaded yet: call `registry.loadAll()`. Disposing ends the bundlers only; close the registry before. */
export function openPlugins(options: OpenPluginsOptions): Plugins {
  const { services, logger } = options;
  const xcoreVersion = packageVersion();
  const bundlers = new Map<string, Bundler>();
  const bundlerFor = (entry: CatalogEntry, file: string, label: string): Bundler => {
    const trusted = options.config().plugins[entry.name]?.trust !== undefined;
    const key = `${join(entry.folder, file)}${trusted ? " trusted" : ""}`;
    const known = bundlers.get(key);
    if (known !== undefined) return known;
    const made = createBundler({
      folder: entry.folder,
      entry: file,
      label,
      sealed: entry.source === "installed",
      trusted,
    });
    bundlers.set(key, made);
    return made;
  };
  const probation = new Probation({ ms: options.probationMs, goBack: options.goBack, logger });
  const hooks = new Hooks({
    logger,
    required: requiredHooks(options.config),
    coming: (name) => registry.find(name)?.opening,
  });
  const registry: PluginRegistry = new PluginRegistry({
    logger,
    hooks,
    probation,
    enabled: (name) => options.config().plugins[name]?.enabled ?? true,
    catalog: async () => {
      const config = options.config();
      return readCatalog(config, await installedPlugins(config));
    },
    plugin: {
      sandboxes: options.sandboxes,
      hooks,
      jobs: () => services.jobs,
      events: () => services.events,
      tenants: options.tenants,
      logger,
      drainMs: options.config().server.drainMs,
      grants: {
        service: (name) => services.get(name),
        own: (plugin) => ({
          ...actionCalls(plugin, (name, call) => registry.callFrom(name, call)),
          ...secretCalls(plugin),
          ...options.outbound.calls(plugin),
        }),
        logger,
      },
      turns: new Slots(2 * availableParallelism() + 2),
      async build(entry) {
        const config = options.config();
        if (entry.error?.code === "PLUGIN_EXISTS" || entry.error?.code === "FORBIDDEN") throw entry.error;
        const locked = entry.source === "installed" ? await verifiedEntry(config, entry) : undefined;
        const manifest = await readManifest(entry.folder);
        const label = `${manifest.name}@${manifest.version}`;
        if (options.writeTypes && entry.source !== "installed")
          await writeTypes(entry.folder, pluginTypes(manifest));
        const build = await buildPlugin(entry, manifest, {
          config,
          approval: locked?.approved,
          xcoreVersion,
          bundler: bundlerFor(entry, manifest.entry, label),
        });
        if (locked !== undefined)
          verifyBundle(manifest.name, locked, { code: build.bundle.code, trusted: build.trusted });
        return build;
      },
      async prepare(build) {
        checkDependencies(
          build.manifest,
          lookup,
          registry.list().map((plugin) => plugin.name),
        );
        if (!build.permissions.database) return;
        await options.migrate(build);
        await options.tenants?.prepareAll(build);
      },
      group: (build) => groupOf(build, options.config()),
      instead: (plugin, fault) => probation.failed(plugin.name, fault),
      isWatched: (plugin) => probation.has(plugin.name),
      replaced: (plugin, before) => {
        registry.circuits.forget(plugin.name);
        noteBreaks({ plugin, before, others: registry.list(), logger });
      },
    },
  });
  const lookup = (name: string): { version: string; ready: boolean } | undefined => {
    const plugin = registry.find(name);
    if (plugin === undefined) return undefined;
    const version = plugin.current?.build.manifest.version ?? plugin.entry.manifest?.version ?? "0.0.0";
    return { version, ready: plugin.current !== undefined };
  };
  services.events.attach({
    keep: (event, origin) => keepEvent(event, origin, { plugins: registry.list(), jobs: services.jobs }),
    tenant: (id) => {
      if (options.tenants !== undefined) return options.tenants.forCall(id);
      throw new XcoreError("TENANT_UNKNOWN", `this server has no tenant '${id}': it has none`);
    },
  });
  return {
    registry,
    async [Symbol.asyncDispose]() {
      probation[Symbol.dispose]();
      await Promise.all([...bundlers.values()].map((bundler) => bundler.dispose()));
    },
  };
}

/** Asked at every call: looked up once for each reading of integration.yaml. */
function requiredHooks(config: () => Config): () => readonly string[] {
  let seen: Config | undefined;
  let names: readonly string[] = [];
  return () => {
    const now = config();
    if (now === seen) return names;
    seen = now;
    names = Object.keys(now.plugins).filter((name) => {
      const plugin = now.plugins[name];
      return plugin?.hooks === true && plugin.enabled;
    });
    return names;
  };
}

/** The workspace's own plugins share a host, strangers and those of several isolates have their own; integration.yaml may say otherwise. */
function groupOf(build: Build, config: Config): string {
  const { name } = build.manifest;
  const isAlone = build.entry.source === "installed" || build.isolates > 1;
  const isolation = config.plugins[name]?.isolation ?? (isAlone ? "own" : "shared");
  return isolation === "own" ? `own:${name}` : `group:${isolation}`;
}

async function writeTypes(folder: string, text: string): Promise<void> {
  const file = join(folder, "plugin-env.d.ts");
  const kept = await readFile(file, "utf8").catch(() => "");
  if (kept !== text) await writeFile(file, text);
}
