// One plugin as a server would load it, without a server: its real bundle in a real isolate in a real host process.
import type { GuestDescription } from "../wire/guest-calls.ts";
import type { Json } from "../wire/json.ts";
import { XcoreError } from "../core/base/error.ts";
import { suggestion } from "../core/base/nearest.ts";
import { packageVersion } from "../core/base/package-root.ts";
import { buildPlugin } from "../core/plugins/build.ts";
import { readManifest } from "../core/plugins/read-manifest.ts";
import { Revision } from "../core/plugins/revision.ts";
import { createBundler } from "../core/sandbox/bundle.ts";
import { createSandboxPool } from "../core/sandbox/pool.ts";
import type { GuestLog } from "../core/sandbox/sandbox.ts";
import { LogBook } from "./log-book.ts";
import { pluginFolder } from "./plugin-folder.ts";
import type { EnqueuedJob } from "./test-jobs.ts";
import { openTestServices, type PublishedEvent, type TestServicesOptions } from "./test-services.ts";
import { openTestWorkspace } from "./test-workspace.ts";
import { testSocket, type TestSocket } from "./test-socket.ts";
import { guestRequest, webResponse } from "./web.ts";

export interface TestPluginOptions extends TestServicesOptions {
  /** Its options, as they would stand in integration.yaml; checked against the schema in plugin.yaml. */
  config?: Readonly<Record<string, Json>>;
  /** Values of the secrets that plugin.yaml asks for. */
  secrets?: Readonly<Record<string, string>>;
}

export interface TestPlugin extends AsyncDisposable {
  /** What `definePlugin` declared. */
  readonly description: GuestDescription;
  /** What it logged. */
  readonly logs: readonly GuestLog[];
  /** Events it published. */
  readonly published: readonly PublishedEvent[];
  /** Jobs it enqueued; they run only when a test calls `job`. */
  readonly enqueued: readonly EnqueuedJob[];
  /**
   * Sends one HTTP request. A path is relative to the plugin's mount point: `request("/notes?limit=1")`.
   * Rejects with the handler's error, its stack in lines of the plugin's files, where a server would answer 500.
   */
  request(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Asks for a WebSocket. Rejects when the plugin answers with anything else. */
  socket(input: string | URL | Request, init?: RequestInit): Promise<TestSocket>;
  action(name: string, input?: Json): Promise<Json>;
  /** Runs one of its jobs now, as a first attempt. */
  job(name: string, data?: Json): Promise<Json>;
  /** Has it handle an event, and waits for that. */
  event(name: string, payload?: Json): Promise<void>;
  /** Runs its `stop` and ends everything that was started for it. */
  close(): Promise<void>;
}

/**
 * Loads the plugin in `place`: its folder, or the `import.meta.url` of a file in it. Everything is as on a server: manifest,
 * permissions, limits, migrations, `start`. Its cache and events are in memory, its database is a Postgres of its own that goes
 * with it, its jobs are only noted. Rejects with what a server would say.
 */
export async function openPlugin(place: string | URL, options: TestPluginOptions = {}): Promise<TestPlugin> {
  await using opening = new AsyncDisposableStack();
  const folder = pluginFolder(place);
  const manifest = await readManifest(folder);
  const logs = new LogBook();
  const workspace = opening.use(
    await openTestWorkspace(manifest.name, { config: options.config, secrets: options.secrets }),
  );
  const { config } = workspace;
  const bundler = createBundler({ folder, entry: manifest.entry, label: manifest.name });
  opening.defer(() => bundler.dispose());
  const build = await buildPlugin({ name: manifest.name, folder, source: "workspace", manifest }, manifest, {
    config,
    approval: undefined,
    xcoreVersion: packageVersion(),
    bundler,
  });
  const services = opening.use(await openTestServices(build, { ...options, config, logger: logs.logger }));
  const sandboxes = opening.use(createSandboxPool({ logger: logs.logger, spare: false }));
  let ended: XcoreError | undefined;
  const revision = await Revision.open(
    {
      build,
      number: 1,
      group: "testing",
      onEnd: (reason) => {
        ended = reason;
      },
    },
    { ...services.sources, sandboxes, logger: logs.logger, drainMs: build.limits.timeoutMs },
  );
  opening.defer(() => (ended === undefined ? revision.retire({ drain: true }) : revision.close()));
  const resources = opening.move();
  const { sandbox } = revision;
  const { timeoutMs } = build.limits;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= resources.disposeAsync());
  return {
    description: sandbox.description,
    logs: logs.entries,
    published: services.published,
    enqueued: services.jobs.enqueued,
    async request(input, init) {
      const request = await guestRequest(input, init);
      return webResponse(await revision.request(request, { timeoutMs }), request.method);
    },
    async socket(input, init) {
      const request = await guestRequest(input, init);
      const headers = [...request.headers, "connection", "upgrade", "upgrade", "websocket"];
      const { status, socket, stream } = await revision.request(
        { ...request, headers },
        { timeoutMs, upgrade: true },
      );
      if (socket !== undefined) return testSocket(socket);
      stream?.cancel();
      throw new XcoreError("PLUGIN_BAD_RESPONSE", `the plugin answered ${status} in place of a WebSocket`);
    },
    action(name, input = null) {
      const actions = Object.keys(sandbox.description.actions);
      if (!actions.includes(name)) return unknown("ACTION_NOT_FOUND", "action", name, actions);
      return revision.action(name, input, { timeoutMs });
    },
    job: (name, data = null) => services.jobs.runNow(name, data),
    event: (name, payload = null) => revision.deliver({ name, payload, source: "core" }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function unknown(code: "ACTION_NOT_FOUND", what: string, name: string, known: string[]): Promise<never> {
  return Promise.reject(
    new XcoreError(code, `the plugin defines no ${what} '${name}'; ${suggestion(name, known)}`),
  );
}
