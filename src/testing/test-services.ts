// The services of one plugin under test: real ones where that costs nothing, a Postgres when the plugin asks for a database.
import { join } from "node:path";
import type { HostCallName } from "../wire/host-calls.ts";
import type { Json } from "../wire/json.ts";
import { XcoreError } from "../core/base/error.ts";
import type { Logger } from "../core/base/log.ts";
import type { Config } from "../core/config/config.ts";
import type { Build } from "../core/plugins/build.ts";
import { actionCalls, secretCalls } from "../core/plugins/own-calls.ts";
import type { RevisionSources } from "../core/plugins/revision.ts";
import { builtinProvider } from "../core/services/builtin.ts";
import type { DatabaseService } from "../core/services/database/database.ts";
import type { EventsService } from "../core/services/events/events.ts";
import { fetchCalls } from "../core/services/fetch/fetch-calls.ts";
import { providerOptions } from "../core/services/options.ts";
import type {
  Facade,
  HostCallHandler,
  PluginIdentity,
  Service,
  ServiceMethod,
} from "../core/services/service.ts";
import { TestJobs } from "./test-jobs.ts";
import { incomingAnswer, webRequest } from "./web.ts";

export interface PublishedEvent {
  name: string;
  payload: Json;
}

export interface TestServicesOptions {
  /** Actions of other plugins that it calls: `{ "mailer.send": (input) => ({ id: 1 }) }`. */
  actions?: Readonly<Record<string, (input: Json) => Json | Promise<Json>>>;
  /** Services of the installation's own that it uses: `{ mail: { send: async (input) => ({ id: 1 }) } }`. */
  services?: Readonly<Record<string, Readonly<Record<string, ServiceMethod>>>>;
  /** Answers its outgoing requests; without it every fetch is refused. */
  fetch?: (request: Request) => Response | Promise<Response>;
  /** Takes the place of single host calls, such as `{ "db.query": ... }`; a database is then not started. */
  facades?: { readonly [Name in HostCallName]?: HostCallHandler };
}

export interface TestServices extends AsyncDisposable {
  readonly jobs: TestJobs;
  readonly published: readonly PublishedEvent[];
  readonly sources: Pick<RevisionSources, "grants" | "jobs" | "events">;
}

interface OpenOptions extends TestServicesOptions {
  config: Config;
  logger: Logger;
}

export async function openTestServices(build: Build, options: OpenOptions): Promise<TestServices> {
  await using opening = new AsyncDisposableStack();
  const open = async (name: string): Promise<Service> => opening.use(await openBuiltin(name, options));
  const events = (await open("events")) as EventsService;
  const jobs = new TestJobs();
  const services = new Map<string, Service>([
    ["events", events],
    ["cache", await open("cache")],
    ["jobs", jobs],
  ]);
  if (build.permissions.database) {
    const replaced = options.facades?.["db.query"] !== undefined;
    services.set("database", replaced ? given() : await openDatabase(build, open));
  }
  for (const [name, methods] of Object.entries(options.services ?? {})) services.set(name, given(methods));
  const published: PublishedEvent[] = [];
  events.subscribe("testing", ["*"], ({ name, payload }) => {
    published.push({ name, payload });
    return Promise.resolve();
  });
  events.attach({
    keep: ({ name, payload }) => {
      published.push({ name, payload });
      return Promise.resolve();
    },
    tenant: (id) => {
      throw new XcoreError("TENANT_UNKNOWN", `a test has no tenant '${id}'`);
    },
  });
  const resources = opening.move();
  return {
    jobs,
    published,
    sources: {
      jobs: () => jobs,
      events: () => events,
      grants: {
        service: (name) => services.get(name),
        own: (plugin) => ownCalls(plugin, options),
        logger: options.logger,
      },
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function openBuiltin(name: string, { config, logger }: OpenOptions): Promise<Service> {
  const service = config.services[name];
  const provider = await builtinProvider(name, service?.driver ?? "memory");
  return provider.open({
    name,
    options: providerOptions(config.file, name, provider, service?.options ?? {}),
    workspace: config.workspace,
    stateFolder: config.stateFolder,
    logger,
    needs: {},
  });
}

async function openDatabase(build: Build, open: (name: string) => Promise<Service>): Promise<Service> {
  const database = (await open("database")) as DatabaseService;
  const { pluginMigrations } = await import("../core/migrations/plugin-migrations.ts");
  const folder = join(build.entry.folder, build.manifest.migrations);
  await pluginMigrations(database, { plugin: build.manifest.name, folder }).up();
  return database;
}

function given(methods?: Facade["methods"]): Service {
  const facade = { calls: {}, ...(methods === undefined ? {} : { methods }) };
  return {
    driver: "testing",
    check: () => Promise.resolve({ ok: true, latencyMs: 0, detail: "given by the test" }),
    forPlugin: () => Promise.resolve({ ...facade, [Symbol.asyncDispose]: () => Promise.resolve() }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function ownCalls(plugin: PluginIdentity, options: OpenOptions): Facade["calls"] {
  return {
    ...actionCalls(plugin, (target, { action, input }) => callGiven(`${target}.${action}`, input, options)),
    ...secretCalls(plugin),
    ...fetchCalls(plugin, async (outgoing) => {
      if (options.fetch === undefined) {
        throw new XcoreError("FETCH_REFUSED", "no address is fetched in a test", {
          hint: "Give openPlugin({ fetch: (request) => new Response(...) }).",
        });
      }
      const request = webRequest(outgoing);
      return incomingAnswer(await options.fetch(request), request.url);
    }),
    ...options.facades,
  };
}

async function callGiven(name: string, input: Json, { actions = {} }: OpenOptions): Promise<Json> {
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined;
  if (action !== undefined) return action(input);
  throw new XcoreError("ACTION_NOT_FOUND", `this test gives no action '${name}'`, {
    hint: `Give openPlugin({ actions: { "${name}": (input) => ... } }).`,
  });
}
