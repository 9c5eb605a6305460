// What the outside is told about one plugin.
import type { CircuitStatus } from "../plugins/circuits.ts";
import type { Plugin } from "../plugins/plugin.ts";
import { mountRoot } from "../http/mount.ts";
import type { PluginStatus } from "../status.ts";
import type { PluginInfo } from "./operations.ts";

export function pluginStatus(plugin: Plugin): PluginStatus {
  const { current, meter, reason } = plugin;
  const stats = current?.sandbox.stats();
  const uptimeMs = current === undefined ? 0 : performance.now() - current.startedAt;
  return {
    name: plugin.name,
    version: current?.build.manifest.version ?? plugin.entry.manifest?.version ?? "?",
    state: plugin.state,
    reason: reason === undefined ? null : { code: reason.code, message: reason.message },
    source: plugin.entry.source,
    wentBack: wentBackOf(plugin),
    trusted: current?.build.trusted ?? false,
    inspected: plugin.inspected,
    mount: `${mountRoot}${plugin.name}/`,
    revision: plugin.revisions,
    isolates: { living: stats?.isolates ?? 0, wanted: current?.build.isolates ?? 1 },
    heapBytes: stats?.heapBytes ?? 0,
    heapLimitBytes: stats?.heapLimitBytes ?? 0,
    cpu: stats === undefined || uptimeMs === 0 ? 0 : plugin.cpuShare(stats.cpuMs, uptimeMs),
    requestsPerMinute: meter.perMinute(),
    p95Ms: meter.p95Ms(),
    errors: meter.errors,
    restarts: plugin.restarts,
    deniedCalls: current?.deniedCalls ?? 0,
    uptimeMs: Math.round(uptimeMs),
    hostPid: stats?.hostPid ?? null,
  };
}

export function pluginInfo(plugin: Plugin, circuits: CircuitStatus[]): PluginInfo {
  const build = plugin.current?.build;
  const manifest = build?.manifest ?? plugin.entry.manifest;
  return {
    ...pluginStatus(plugin),
    description: manifest?.description ?? "",
    folder: plugin.entry.folder,
    permissions: build?.permissions ?? manifest?.permissions ?? nothing,
    limits: build?.limits ?? null,
    dependencies: manifest?.dependencies ?? {},
    declares: plugin.current?.sandbox.description ?? null,
    circuits,
  };
}

function wentBackOf({ entry }: Plugin): PluginStatus["wentBack"] {
  if (entry.wentBack === undefined) return null;
  const { version, reason, at } = entry.wentBack;
  return { version, reason, at };
}

const nothing: PluginInfo["permissions"] = {
  database: false,
  cache: false,
  jobs: false,
  fetch: [],
  call: [],
  events: { publish: [], subscribe: [] },
  secrets: [],
  services: [],
};
