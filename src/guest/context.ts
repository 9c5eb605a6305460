// The context a handler is given: everything in it is made when it is first touched.
import type { JobRun } from "../wire/guest-calls.ts";
import type { PermissionName } from "../wire/host-calls.ts";
import type { Json } from "../wire/json.ts";
import type { Call } from "./calls.ts";
import { XcoreError } from "./errors.ts";
import { cacheFacade } from "./facades/cache.ts";
import { callFacade, eventsFacade, jobsFacade, secretsFacade, servicesFacade } from "./facades/calls.ts";
import { databaseFacade } from "./facades/database.ts";
import type { Ask } from "./facades/facade.ts";
import type { HostLink } from "./host-link.ts";
import type { Cache, Database, Jobs, Log } from "./plugin-api.ts";
import type { SafeMap } from "./primordials.ts";
import type { SchemaCheck } from "./schema-check.ts";
import type { AbortSignal } from "./web/abort.ts";
import { makeFetch, type Fetch } from "./web/fetch.ts";
import { parsePairs } from "./web/form.ts";

/** What all contexts of an isolate have in common; known once the boot record has come. */
export interface Plugin {
  readonly name: string;
  readonly version: string;
  readonly config: Readonly<Record<string, Json>>;
  readonly permissions: ReadonlySet<string>;
  readonly logOf: (call: Call) => Log;
  readonly link: HostLink;
  /** Values that cache.getOrSet is making, for all calls; undefined where calls have tenants: what one makes is not for another. */
  readonly making: Map<string, Promise<unknown>> | undefined;
  /** How the payloads of the events it publishes are checked, by name; filled when its definition has been read. */
  readonly payloads: SafeMap<string, SchemaCheck>;
}

/** Throws `PERMISSION_UNDECLARED` unless the manifest asks for it and the installation approved it. */
export function requirePermission(plugin: Plugin | undefined, permission: PermissionName): void {
  if (plugin?.permissions.has(permission) === true) return;
  const name = plugin?.name ?? "this plugin";
  throw new XcoreError(
    "PERMISSION_UNDECLARED",
    `plugin '${name}': permission '${permission}' is not declared in plugin.yaml; add it and run xcore plugin approve ${name}`,
  );
}

export class Context {
  readonly #plugin: Plugin;
  readonly #call: Call;
  #log: Log | undefined;
  #db: Database | undefined;
  #cache: Cache | undefined;
  #jobs: Jobs | undefined;
  #fetch: Fetch | undefined;

  constructor(plugin: Plugin, call: Call) {
    this.#plugin = plugin;
    this.#call = call;
  }

  get plugin(): { name: string; version: string } {
    return { name: this.#plugin.name, version: this.#plugin.version };
  }

  get config(): Readonly<Record<string, Json>> {
    return this.#plugin.config;
  }

  get log(): Log {
    return (this.#log ??= this.#plugin.logOf(this.#call));
  }

  get signal(): AbortSignal {
    return this.#call.signal;
  }

  get db(): Database {
    return (this.#db ??= databaseFacade(this.#ask("database")));
  }

  get cache(): Cache {
    return (this.#cache ??= cacheFacade(this.#ask("cache"), this.#plugin.making ?? new Map()));
  }

  get jobs(): Jobs {
    return (this.#jobs ??= jobsFacade(this.#ask("jobs")));
  }

  get events(): ReturnType<typeof eventsFacade> {
    return eventsFacade(this.#ask("events"), this.#plugin.payloads);
  }

  get call(): ReturnType<typeof callFacade> {
    return callFacade(this.#ask("call"));
  }

  get secrets(): ReturnType<typeof secretsFacade> {
    return secretsFacade(this.#ask("secrets"));
  }

  get services(): ReturnType<typeof servicesFacade> {
    return servicesFacade(this.#ask("services"));
  }

  get fetch(): Fetch {
    const plugin = this.#plugin;
    requirePermission(plugin, "fetch");
    return (this.#fetch ??= makeFetch(
      () => undefined,
      (name, args, onStart) => plugin.link.call(name, args, { owner: this.#call, onStart }),
    ));
  }

  #ask(permission: PermissionName): Ask {
    return askFor(this.#plugin, this.#call, permission);
  }
}

function askFor(plugin: Plugin, owner: Call, permission: PermissionName): Ask {
  requirePermission(plugin, permission);
  return (name, args) => plugin.link.call(name, args, { owner });
}

export class RequestContext extends Context {
  readonly params: Readonly<Record<string, string>>;
  readonly #search: string;
  #query: Readonly<Record<string, string>> | undefined;

  /** `search` is what stands behind the question mark. */
  constructor(plugin: Plugin, call: Call, params: Readonly<Record<string, string>>, search: string) {
    super(plugin, call);
    this.params = params;
    this.#search = search;
  }

  get query(): Readonly<Record<string, string>> {
    if (this.#query !== undefined) return this.#query;
    const query = { __proto__: null } as unknown as Record<string, string>;
    for (const [name, value] of parsePairs(this.#search)) query[name] ??= value;
    this.#query = query;
    return query;
  }
}

export class JobContext extends Context {
  readonly job: Omit<JobRun, "data">;
  readonly #ask: () => Ask;

  constructor(plugin: Plugin, call: Call, run: JobRun) {
    super(plugin, call);
    this.#ask = () => askFor(plugin, call, "jobs");
    this.job = { id: run.id, name: run.name, attempt: run.attempt, key: run.key };
  }

  async progress(progress: number, note?: string): Promise<void> {
    const { id } = this.job;
    await this.#ask()("jobs.progress", note === undefined ? { id, progress } : { id, progress, note });
  }
}
