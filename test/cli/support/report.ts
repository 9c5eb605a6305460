// A status report as a busy server would give it; tests change what they are about.
import type { PluginStatus, StatusReport } from "../../../src/core/status.ts";

export function statusReport(changes: Partial<StatusReport> = {}): StatusReport {
  return {
    version: 1,
    healthy: true,
    problems: [],
    core: {
      name: "shop",
      xcore: "0.1.0",
      node: "v26.10.0",
      pid: 4711,
      address: "http://127.0.0.1:8082",
      environment: "development",
      uptimeMs: 93_784_000,
      rssBytes: 154 * 1024 ** 2,
      heapBytes: 61 * 1024 ** 2,
      requestsPerSecond: 12.345,
      p95Ms: 4.21,
      loopLagMs: 1.07,
      watching: true,
    },
    services: [
      { name: "database", driver: "embedded", ok: true, latencyMs: 0.8, detail: "Postgres 18.4" },
      { name: "cache", driver: "memory", ok: true, latencyMs: 0, detail: "in this process" },
    ],
    plugins: [pluginStatus({ name: "notes" }), pluginStatus({ name: "mailer", p95Ms: null })],
    jobs: { waiting: 3, running: 1, failed: 0 },
    ...changes,
  };
}

export function pluginStatus(changes: Partial<PluginStatus> = {}): PluginStatus {
  return {
    name: "notes",
    version: "1.0.0",
    state: "ready",
    reason: null,
    source: "workspace",
    wentBack: null,
    trusted: false,
    inspected: false,
    mount: "/app/notes",
    revision: 1,
    isolates: { living: 1, wanted: 1 },
    heapBytes: 12 * 1024 ** 2,
    heapLimitBytes: 64 * 1024 ** 2,
    cpu: 0.034,
    requestsPerMinute: 120,
    p95Ms: 4.2,
    errors: 0,
    restarts: 0,
    deniedCalls: 0,
    uptimeMs: 7_380_000,
    hostPid: 4712,
    ...changes,
  };
}
