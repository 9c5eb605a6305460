// The composition root: opens floor by floor and closes in reverse. No logic lives here.
import { mkdir } from "node:fs/promises";
import { adminMiddleware } from "./admin/router.ts";
import { Inspections } from "./admin/inspections.ts";
import { openControlSocket } from "./admin/socket.ts";
import { LoopLag, statusReport, type ReportSources } from "./admin/status-report.ts";
import { operationTable } from "./admin/table.ts";
import { adminToken } from "./admin/token.ts";
import type { Logger } from "./base/log.ts";
import { Meter } from "./base/meter.ts";
import type { Config } from "./config/config.ts";
import { readConfig } from "./config/read.ts";
import { goBack } from "./go-back.ts";
import { createApp } from "./http/app.ts";
import { FrontDoor } from "./http/front-door.ts";
import { listen } from "./http/server.ts";
import { migrateApplication, migratePlugin } from "./migrations/at-start.ts";
import { healAbandoned } from "./plugins/installer/heal.ts";
import { linkedFolders } from "./plugins/installed.ts";
import { openPlugins, type Plugins } from "./plugins/open.ts";
import { probationMs } from "./plugins/probation.ts";
import { Reloader } from "./reloader.ts";
import { warmBundler } from "./sandbox/bundle.ts";
import { createSandboxPool } from "./sandbox/pool.ts";
import { Outbound } from "./services/fetch/outbound.ts";
import { openServices } from "./services/registry.ts";
import type { StatusReport } from "./status.ts";
import { openTenancy } from "./tenancy.ts";

const serviceCheckMs = 1000;
/** Then the server is ready although some plugin is still loading; requests for that one wait. */
const loadPatienceMs = 3000;

export interface CoreOptions {
  config: Config;
  logger: Logger;
  /** Reload plugins as they are saved. Default false. */
  watch?: boolean;
  /** How long a revision that replaced another one is watched, and goes back when it fails. Default 60,000. */
  probationMs?: number;
  /** Somebody asks the running core to stop (`xcore stop`). Default: it closes itself with draining. */
  onStopRequested?: () => void;
}

export interface Core extends AsyncDisposable {
  /** `http://127.0.0.1:8082` */
  readonly address: string;
  status(): Promise<StatusReport>;
  /** Closes in reverse. A second call with `drain: false` hurries the first. */
  close(options: { drain: boolean }): Promise<void>;
}

/**
 * Opens everything. It has its port first of all, but lets nobody in before services, migrations and the list of plugins are there;
 * then each plugin answers as soon as it is up. What was opened is closed again when a later part fails.
 */
export async function openCore(options: CoreOptions): Promise<Core> {
  const { logger, watch = false } = options;
  let config = options.config;
  const hurry = new AbortController();
  await using opening = new AsyncDisposableStack();

  await mkdir(config.stateFolder, { recursive: true, mode: 0o700 });
  const control = opening.use(await openControlSocket(config.stateFolder));
  const door = new FrontDoor();
  const server = await listen(config.server, door.listener, logger);
  const closeServer = () => server.close({ drainMs: config.server.drainMs, hurry: hurry.signal });
  opening.defer(closeServer);
  // Before the services, so that its first host starts while they open; it holds nothing of theirs.
  const sandboxes = opening.use(createSandboxPool({ logger }));
  warmBundler();
  const services = opening.use(await openServices(config, { logger }));
  await migrateApplication({ config, database: services.database, logger });
  const tenancy = opening.use(await openTenancy({ config, services, logger }));
  const outbound = opening.use(
    new Outbound((plugin) => [
      ...config.policy.privateNetworks,
      ...(config.plugins[plugin]?.privateNetworks ?? []),
    ]),
  );
  const plugins: Plugins = opening.use(
    openPlugins({
      config: () => config,
      services,
      sandboxes,
      outbound,
      logger,
      migrate: (build) => migratePlugin({ build, config, database: services.database, logger }),
      tenants: tenancy?.sources,
      goBack: (plugin, folder, reason) =>
        goBack({ config, database: services.database, plugin, folder, reason, sync: () => registry.sync() }),
      probationMs: options.probationMs ?? probationMs,
      writeTypes: watch,
    }),
  );
  const { registry } = plugins;
  opening.defer(() => registry.close({ drain: !hurry.signal.aborted }));
  await registry.discover();

  const reloader = new Reloader({
    config: () => config,
    readConfig: () => readConfig({ file: config.file }),
    useConfig: (next) => {
      config = next;
    },
    plugins: registry,
    logger,
  });
  const inspections = opening.use(new Inspections({ plugins: registry, logger }));
  const meter = new Meter();
  const lag = opening.use(new LoopLag());
  let accepting = false;
  const serviceStatus = () => services.status(serviceCheckMs);
  const report = (): ReportSources => ({
    config,
    address: server.address,
    watching: watch,
    meter,
    plugins: registry,
    services: serviceStatus,
    jobs: () => services.jobs.counts(),
    tenants: tenancy?.tenants,
  });
  const table = operationTable({
    plugins: registry,
    inspections,
    jobs: () => services.jobs,
    tenancy,
    status: () => statusReport(report(), lag),
    services: serviceStatus,
    sync: () => reloader.sync(),
    stop: () => (options.onStopRequested ?? (() => void close({ drain: true })))(),
  });
  const app = createApp({
    plugins: registry,
    logger,
    meter,
    maxBodyBytes: config.server.maxBodyBytes,
    tenantOf: tenancy?.tenantOf,
    exposeFaults: config.environment === "development",
    ready: async () => accepting && (await serviceStatus()).every((service) => service.ok),
    middleware: config.admin.enabled
      ? adminMiddleware({ table, token: await adminToken(config), allowedHosts: config.admin.allowedHosts })
      : [],
  });
  const loaded = registry.loadAll({ patienceMs: loadPatienceMs });
  door.open(app);
  await loaded;
  await services.jobs.start();
  opening.defer(() => services.jobs.drain(hurry.signal.aborted ? 0 : config.server.drainMs));
  // Before what it serves; the deferral above is for a start that fails.
  opening.defer(closeServer);
  opening.defer(() => registry.endStreams());
  if (watch) {
    const { watchWorkspace } = await import("./plugins/watcher.ts");
    opening.use(
      await watchWorkspace({
        workspace: config.workspace,
        links: () => linkedFolders(config),
        onSaved: (saved) => void reloader.saved(saved),
        onError: (error) => logger.error({ err: error }, "the watcher failed"),
      }),
    );
  }
  opening.use(healAbandoned({ stateFolder: config.stateFolder, logger, sync: () => registry.sync() }));
  control.serve(table);
  accepting = true;

  const opened = opening.move();
  let closing: Promise<void> | undefined;
  const close = ({ drain }: { drain: boolean }): Promise<void> => {
    accepting = false;
    if (!drain) hurry.abort();
    closing ??= opened.disposeAsync();
    return closing;
  };
  return {
    address: server.address,
    status: () => statusReport(report(), lag),
    close,
    [Symbol.asyncDispose]: () => close({ drain: true }),
  };
}
