// One loaded build of a plugin: its isolate, its grants, its jobs and subscriptions, and how all of it ends.
import type { EventDelivery, GuestRequest } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { withDeadline } from "../base/deadline.ts";
import { messageOf, XcoreError } from "../base/error.ts";
import type { CallOptions, PluginResponse, RequestOptions, Sandbox } from "../sandbox/sandbox.ts";
import type { EventOrigin, EventsService } from "../services/events/events.ts";
import { eventJob } from "../services/jobs/event-job.ts";
import type { ClaimedRun, JobsService } from "../services/jobs/jobs.ts";
import type { PluginIdentity } from "../services/service.ts";
import type { Build } from "./build.ts";
import { checkDeclarations } from "./declarations.ts";
import { eventJobs, keptEvent } from "./durable-events.ts";
import type { Hooking, Hooks } from "./hooks.ts";
import { openGrants, type Grants, type GrantSources } from "./grants.ts";
import { InFlight, whenOver } from "./in-flight.ts";
import {
  openRevisionSandbox,
  startTimeoutMs,
  type RevisionSandboxOptions,
  type RevisionSandboxSources,
} from "./revision-sandbox.ts";
import { originOfRun, TenantGate } from "./tenant-gate.ts";

const stopTimeoutMs = 2_000;
/** Jobs may run longer than requests: the heartbeat of the jobs service keeps them claimed. */
const jobTimeoutMs = 300_000;

export interface RevisionSources extends RevisionSandboxSources {
  grants: GrantSources;
  jobs(): JobsService;
  events(): EventsService;
  /** Absent: hooks are not called. */
  hooks?: Hooks;
  /** How long a revision that was replaced may finish its requests. */
  drainMs: number;
}

export interface OpenRevision extends RevisionSandboxOptions {
  number: number;
  /** The isolate is there; what follows is the plugin's own start, as long as it takes. */
  onOpened?(): void;
}

export class Revision {
  readonly number: number;
  readonly build: Build;
  readonly sandbox: Sandbox;
  readonly startedAt = performance.now();
  readonly #grants: Grants;
  readonly #sources: RevisionSources;
  readonly #mounts = new AsyncDisposableStack();
  readonly #calls = new InFlight();

  private constructor(options: OpenRevision, sandbox: Sandbox, grants: Grants, sources: RevisionSources) {
    this.number = options.number;
    this.build = options.build;
    this.sandbox = sandbox;
    this.#grants = grants;
    this.#sources = sources;
  }

  /**
   * Opens the isolate beside whatever lives already, runs the plugin's `start`, and connects jobs, hooks and events to it: what
   * an older revision had bound is replaced. Rejects, also when it ended meanwhile; then nothing of it is left.
   */
  static async open(options: OpenRevision, sources: RevisionSources): Promise<Revision> {
    const { build } = options;
    const identity: PluginIdentity = {
      name: build.manifest.name,
      permissions: build.permissions,
      limits: build.limits,
      secrets: build.secrets,
      own: build.entry.source === "workspace" || build.trusted,
    };
    await using undo = new AsyncDisposableStack();
    const gate = sources.tenants && new TenantGate(build, sources.tenants);
    const grants = undo.use(await openGrants(identity, sources.grants, gate));
    let ended: XcoreError | undefined;
    const onEnd = (reason: XcoreError): void => {
      ended = reason;
      options.onEnd(reason);
    };
    const sandbox = await openRevisionSandbox({ ...options, onEnd }, grants, sources);
    undo.defer(() => sandbox.close());
    options.onOpened?.();
    const revision = new Revision(options, sandbox, grants, sources);
    checkDeclarations(identity, sandbox.description, { hooks: build.hooks, jobs: () => sources.jobs() });
    await revision.#start();
    undo.defer(() => revision.unmount());
    await revision.#mount();
    if (ended !== undefined) throw ended;
    undo.move();
    return revision;
  }

  /** Host calls that were refused to it. */
  get deniedCalls(): number {
    return this.#grants.denied;
  }

  /** One HTTP request; counted, so that a drain waits for it. */
  request(request: GuestRequest, options: RequestOptions): Promise<PluginResponse> {
    const answer = this.sandbox.request(request, options);
    whenOver(answer, this.#calls.enter());
    return answer;
  }

  /** Has clients of streams that never end by themselves connect anew. */
  endStreams(why: "reload" | "stop"): void {
    this.sandbox.endStreams(why);
  }

  /** A live one. */
  async deliver(event: EventDelivery, origin: EventOrigin = {}): Promise<void> {
    const { tenant } = origin;
    if (tenant?.reaches(this.build.manifest.name) === false) return;
    tenant?.assertActive();
    const { timeoutMs } = this.build.limits;
    await this.#event(event, { timeoutMs, origin });
  }

  action(name: string, input: Json, options: CallOptions): Promise<Json> {
    return this.#calls.track(this.sandbox.call("action", name, input, options));
  }

  /** Takes subscriptions and jobs away, unless a newer revision has bound them; calls under way go on. */
  async unmount(): Promise<void> {
    await this.#mounts.disposeAsync();
  }

  /** Removes what is kept of its schedules: it is being unloaded, not replaced. */
  async unschedule(): Promise<void> {
    if (!this.build.permissions.jobs) return;
    const { name } = this.build.manifest;
    await this.#sources
      .jobs()
      .unschedule(name)
      .catch((error: unknown) =>
        this.#sources.logger.warn({ plugin: name, error: messageOf(error) }, "its schedules are still there"),
      );
  }

  /** Waits for calls under way, runs `stop`, ends the isolate. */
  async retire(options: { drain: boolean }): Promise<void> {
    this.endStreams("reload");
    if (options.drain) await this.#drained();
    await this.sandbox.call("stop", "stop", null, { timeoutMs: stopTimeoutMs }).catch((error: unknown) => {
      this.#sources.logger.warn({ plugin: this.build.manifest.name, error: messageOf(error) }, "stop failed");
    });
    await this.close();
  }

  async close(): Promise<void> {
    await this.#mounts.disposeAsync();
    await this.sandbox.close();
    await this.#grants[Symbol.asyncDispose]();
  }

  async #drained(): Promise<void> {
    if (this.#calls.count === 0) return;
    await withDeadline(this.#calls.idle(), {
      ms: this.#sources.drainMs,
      code: "PLUGIN_TIMEOUT",
      message: `plugin '${this.build.manifest.name}': ${this.#calls.count} calls did not finish while draining`,
    }).catch((error: unknown) => {
      this.#sources.logger.warn({ plugin: this.build.manifest.name }, messageOf(error));
    });
  }

  async #start(): Promise<void> {
    try {
      await this.sandbox.call("start", "start", null, { timeoutMs: startTimeoutMs });
    } catch (error) {
      const { label, manifest } = this.build;
      const code = error instanceof XcoreError && error.code !== "PLUGIN_ERROR" ? error.code : "PLUGIN_START";
      const what = messageOf(error).replace(`plugin '${label}': `, "");
      throw new XcoreError(code, `plugin '${manifest.name}' failed in start: ${what}`, {
        cause: error,
        ...(error instanceof XcoreError ? { details: error.details } : {}),
      });
    }
  }

  async #mount(): Promise<void> {
    const { name } = this.build.manifest;
    const { description } = this.sandbox;
    const jobs = { ...description.jobs, ...eventJobs(description.events) };
    if (this.build.permissions.jobs || Object.keys(jobs).length > 0) {
      const unbind = await this.#sources.jobs().bind(name, jobs, (job, signal) => this.#runJob(job, signal));
      this.#mounts.defer(unbind);
    }
    if (description.hooks !== undefined && this.#sources.hooks !== undefined) {
      const hooking: Hooking = {
        plugin: name,
        names: description.hooks,
        call: (hook, payload, options) =>
          this.#calls.track(this.sandbox.call("hook", hook, payload, options)),
      };
      this.#mounts.defer(this.#sources.hooks.bind(hooking));
    }
    if (description.events.length > 0) {
      this.#mounts.defer(
        this.#sources
          .events()
          .subscribe(name, description.events, (event, origin) => this.deliver(event, origin)),
      );
    }
  }

  #event(event: EventDelivery, options: CallOptions): Promise<Json> {
    return this.#calls.track(this.sandbox.call("event", event.name, { ...event }, options));
  }

  async #runJob(job: ClaimedRun, signal: AbortSignal): Promise<Json> {
    const { tenants, jobs } = this.#sources;
    const plugin = this.build.manifest.name;
    if (tenants !== undefined && job.isScheduled && job.tenant === undefined) {
      const names = tenants.activeOf(plugin).map(({ id }) => id);
      await jobs().spread(plugin, job, names);
      return null;
    }
    const origin = originOfRun(plugin, job.tenant, tenants);
    if (job.name === eventJob) {
      const { event, hops } = keptEvent(job.data);
      const { timeoutMs } = this.build.limits;
      return this.#event(event, { timeoutMs, signal, origin: { ...origin, hops } });
    }
    const payload: Json = { id: job.id, name: job.name, data: job.data, attempt: job.attempt, key: job.key };
    const options = { timeoutMs: jobTimeoutMs, signal, origin };
    return this.#calls.track(this.sandbox.call("job", job.name, payload, options));
  }
}
