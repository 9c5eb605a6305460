// The report behind `xcore status` and GET /_xcore/status. Versioned: fields are added, never changed.
import type { PluginState } from "./plugins/transitions.ts";
import type { ServiceStatus } from "./services/service.ts";

export interface PluginStatus {
  name: string;
  version: string;
  state: PluginState;
  /** Why it failed or was quarantined. */
  reason: { code: string; message: string } | null;
  source: "workspace" | "installed" | "linked";
  /** A newer revision that failed its first minute here and went back by itself. */
  wentBack: { version: string; reason: string; at: string } | null;
  /** It runs in the core's own process, without limits of memory and CPU. */
  trusted: boolean;
  /** It is open to a debugger, its limits of CPU and time suspended. */
  inspected: boolean;
  mount: string;
  /** Counts loads of this plugin since the server started; a reload raises it. */
  revision: number;
  /** Isolates that answer, and how many the installation wants. */
  isolates: { living: number; wanted: number };
  /** Of the fullest isolate, and the cap of each. */
  heapBytes: number;
  heapLimitBytes: number;
  /** Share of one core over the last minute, 0 to 1; with several isolates up to their number. */
  cpu: number;
  requestsPerMinute: number;
  p95Ms: number | null;
  errors: number;
  restarts: number;
  /** Host calls refused to the living revision. */
  deniedCalls: number;
  uptimeMs: number;
  /** Of several the first. */
  hostPid: number | null;
}

export interface StatusReport {
  version: 1;
  healthy: boolean;
  /** One line for each thing that is wrong. */
  problems: string[];
  core: {
    name: string;
    xcore: string;
    node: string;
    pid: number;
    address: string;
    environment: string;
    uptimeMs: number;
    rssBytes: number;
    heapBytes: number;
    requestsPerSecond: number;
    p95Ms: number | null;
    /** 99th percentile of the event loop's delay over the last seconds, in ms. */
    loopLagMs: number;
    watching: boolean;
  };
  services: ServiceStatus[];
  plugins: PluginStatus[];
  jobs: { waiting: number; running: number; failed: number };
  /** Absent: the server has no tenants. */
  tenants?: { active: number; suspended: number };
}
