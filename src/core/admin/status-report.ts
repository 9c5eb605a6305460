// Collects the status report of a running core.
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Meter } from "../base/meter.ts";
import { packageVersion } from "../base/package-root.ts";
import type { Config } from "../config/config.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import type { JobCounts } from "../services/jobs/jobs.ts";
import type { ServiceStatus } from "../services/service.ts";
import type { Tenants } from "../services/tenants/tenants.ts";
import type { StatusReport } from "../status.ts";
import { pluginStatus } from "./plugin-report.ts";

export interface ReportSources {
  config: Config;
  address: string;
  watching: boolean;
  meter: Meter;
  plugins: PluginRegistry;
  services(): Promise<ServiceStatus[]>;
  jobs(): Promise<JobCounts>;
  /** Undefined: the server has no tenants. */
  tenants: Tenants | undefined;
}

const settled = new Set(["ready", "stopped"]);

export async function statusReport(sources: ReportSources, lag: LoopLag): Promise<StatusReport> {
  const services = await sources.services();
  const plugins = sources.plugins.list().map(pluginStatus);
  const jobs = await sources.jobs().catch(() => ({ waiting: 0, running: 0, failed: 0 }));
  const problems = [
    ...services
      .filter((service) => !service.ok)
      .map((service) => `service ${service.name}: ${service.detail}`),
    ...plugins
      .filter((plugin) => !settled.has(plugin.state) || plugin.reason !== null)
      .map(
        ({ name, state, revision, reason }) =>
          `plugin ${name} ${state === "ready" ? `keeps serving revision ${revision}` : `is ${state}`}${
            reason === null ? "" : `: ${reason.message}`
          }`,
      ),
    ...sources.plugins.circuits
      .list()
      // Once it may be tried again, nobody knows: perhaps nobody calls it any more.
      .filter(({ state }) => state === "open")
      .map(
        ({ caller, action, failures }) =>
          `calls of ${action} by ${caller} rest: it failed ${failures} times in a row`,
      ),
  ];
  const memory = process.memoryUsage();
  return {
    version: 1,
    healthy: problems.length === 0,
    problems,
    core: {
      name: sources.config.name,
      xcore: packageVersion(),
      node: process.version,
      pid: process.pid,
      address: sources.address,
      environment: sources.config.environment,
      uptimeMs: Math.round(process.uptime() * 1000),
      rssBytes: memory.rss,
      heapBytes: memory.heapUsed,
      requestsPerSecond: Math.round(sources.meter.perSecond() * 10) / 10,
      p95Ms: sources.meter.p95Ms(),
      loopLagMs: lag.p99Ms(),
      watching: sources.watching,
    },
    services,
    plugins,
    jobs,
    ...(sources.tenants === undefined ? {} : { tenants: countTenants(sources.tenants) }),
  };
}

function countTenants(tenants: Tenants): NonNullable<StatusReport["tenants"]> {
  const counts = { active: 0, suspended: 0 };
  for (const { state } of tenants.list()) if (state !== "dropping") counts[state] += 1;
  return counts;
}

/** The event loop's delay beyond its sampling interval, over the last ten seconds at most. */
export class LoopLag implements Disposable {
  static readonly #resolutionMs = 20;
  readonly #histogram = monitorEventLoopDelay({ resolution: LoopLag.#resolutionMs });
  readonly #turn: NodeJS.Timeout;

  constructor() {
    this.#histogram.enable();
    this.#turn = setInterval(() => this.#histogram.reset(), 10_000);
    this.#turn.unref();
  }

  p99Ms(): number {
    const ms = this.#histogram.percentile(99) / 1e6 - LoopLag.#resolutionMs;
    return Number.isFinite(ms) ? Math.max(0, Math.round(ms * 10) / 10) : 0;
  }

  [Symbol.dispose](): void {
    clearInterval(this.#turn);
    this.#histogram.disable();
  }
}
