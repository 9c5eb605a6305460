// One plugin's life: its state, its living revision, and how one revision follows another without a gap.
import type { GuestDescription, GuestRequest } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { asXcoreError, type XcoreError } from "../base/error.ts";
import { Meter } from "../base/meter.ts";
import { SerialQueue } from "../base/queue.ts";
import { RateLimiter } from "../base/rate-limiter.ts";
import type { Slots } from "../base/slots.ts";
import type { PluginResponse, RequestOptions } from "../sandbox/sandbox.ts";
import type { ActionOptions } from "./action-calls.ts";
import { answerRequest, runAction } from "./answering.ts";
import type { Build } from "./build.ts";
import type { CatalogEntry } from "./catalog.ts";
import { CpuShare } from "./cpu-share.ts";
import { Placement } from "./placement.ts";
import { openDespiteStarvation, Restarts } from "./restarts.ts";
import { Retiring } from "./retiring.ts";
import { Revision, type RevisionSources } from "./revision.ts";
import type { AfterLoss } from "./sandbox-group.ts";
import { transition, type PluginState } from "./transitions.ts";

export interface PluginSources extends RevisionSources {
  /** Loads at the same time, of all plugins: more would all be late. */
  turns: Slots;
  /** Reads manifest and code; runs nothing. */
  build(entry: CatalogEntry): Promise<Build>;
  /** Called before the isolate is opened: dependencies are there, migrations are applied. */
  prepare(build: Build): Promise<void>;
  group(build: Build): string;
  /** Told of a crash that is its own doing; true: another revision runs in its place, and it is not restarted. Default: none does. */
  instead?(plugin: Plugin, fault: XcoreError): Promise<boolean>;
  /** Whether requests wait for what follows a crash, since it follows at once. Default: they do not. */
  isWatched?(plugin: Plugin): boolean;
  /** Called once a new build answers, with what the one before it declared. */
  replaced(plugin: Plugin, before: GuestDescription): void;
}

export class Plugin {
  readonly name: string;
  readonly meter = new Meter();
  /** The load under way, for whoever may wait for it. */
  opening: Promise<void> | undefined;
  readonly #sources: PluginSources;
  readonly #queue = new SerialQueue();
  readonly #restarts: Restarts;
  readonly #retiring: Retiring;
  readonly #placement: Placement;
  readonly #closing = new AbortController();
  #state: PluginState = "installed";
  #reason: XcoreError | undefined;
  #entry: CatalogEntry;
  #current: Revision | undefined;
  #declared: GuestDescription | undefined;
  #limiter: RateLimiter | undefined;
  #cpu = new CpuShare();
  #revisions = 0;
  #wish: Promise<void> | undefined;

  constructor(entry: CatalogEntry, sources: PluginSources) {
    this.name = entry.name;
    this.#entry = entry;
    this.#sources = sources;
    this.#retiring = new Retiring(this.name, sources.logger);
    this.#placement = new Placement(this.name, (build) => sources.group(build));
    this.#restarts = new Restarts({
      plugin: this.name,
      logger: sources.logger,
      signal: this.#closing.signal,
      instead: async (fault) => (await sources.instead?.(this, fault)) ?? false,
    });
  }

  get state(): PluginState {
    return this.#state;
  }

  get reason(): XcoreError | undefined {
    return this.#reason;
  }

  get entry(): CatalogEntry {
    return this.#entry;
  }

  get current(): Revision | undefined {
    return this.#current;
  }

  /** What its newest build declared, even while it is away; undefined until the first one was open. */
  get declared(): GuestDescription | undefined {
    return this.#declared;
  }

  /** Of its newest build; undefined when that one is not limited. */
  get limiter(): RateLimiter | undefined {
    return this.#limiter;
  }

  get revisions(): number {
    return this.#revisions;
  }

  get restarts(): number {
    return this.#restarts.count;
  }

  /** Share of one core, 0 to 1 (to their number with several isolates), since the sample of about a minute ago (or since the revision began). */
  cpuShare(cpuMs: number, uptimeMs: number): number {
    return this.#cpu.share(cpuMs, uptimeMs);
  }

  /**
   * Loads the plugin, or loads a new revision beside the living one and switches. On failure the living one stays.
   * Wishes that come while one waits for its turn share its promise. Rejects with the reason.
   */
  load(entry: CatalogEntry = this.#entry): Promise<void> {
    this.#entry = entry;
    this.#restarts.reset();
    this.#wish ??= this.#queue.run(() => {
      this.#wish = undefined;
      return this.#open();
    });
    return this.#wish;
  }

  /** It is going to be loaded: requests may wait for that. */
  expect(loading: Promise<void>): void {
    if (this.#current !== undefined || this.opening !== undefined) return;
    const expected = loading.finally(() => {
      if (this.opening === expected) this.opening = undefined;
    });
    this.opening = expected;
  }

  /** Loads it anew, open to a debugger and alone in its host; or as usual again. */
  async inspect(inspected: boolean): Promise<void> {
    const placement = this.#placement;
    if (placement.inspected === inspected) return;
    placement.inspected = inspected;
    try {
      await this.load();
    } catch (error) {
      placement.inspected = false;
      throw error;
    }
  }

  /** Its living revision is open to a debugger. */
  get inspected(): boolean {
    return this.current?.sandbox.inspection !== undefined;
  }

  /** Notes why it can't even be tried. */
  refuse(reason: XcoreError): void {
    this.#reason = reason;
    if (this.#current === undefined && this.#state !== "failed") this.#to("failed");
  }

  /** Drains and ends the living revision. */
  unload(): Promise<void> {
    return this.#queue.run(async () => {
      const revision = this.#current;
      if (revision === undefined) {
        if (this.#state !== "stopped" && this.#state !== "installed") this.#to("stopped");
        return;
      }
      this.#to("draining");
      this.#current = undefined;
      await revision.unmount();
      await revision.retire({ drain: true });
      await revision.unschedule();
      if (this.#state === "draining") this.#to("stopped");
    });
  }

  /** Ends everything; no restart follows. */
  async close(options: { drain: boolean }): Promise<void> {
    this.#closing.abort();
    await this.#queue.run(async () => {
      const revision = this.#current;
      this.#current = undefined;
      if (revision === undefined) return;
      await revision.unmount();
      await (options.drain ? revision.retire({ drain: true }) : revision.close());
    });
    await this.#retiring.ended();
  }

  /** Answers one HTTP request, as `answerRequest` does. */
  request(request: GuestRequest, options: RequestOptions): Promise<PluginResponse> {
    return answerRequest(this, request, options);
  }

  action(name: string, input: Json, options: ActionOptions): Promise<Json> {
    return runAction(this, name, input, options);
  }

  #open(known?: Build): Promise<void> {
    const open = async (endTurn: () => void): Promise<void> => {
      if (!this.#closing.signal.aborted) await this.#openRevision(endTurn, known);
    };
    this.opening = this.#sources.turns.run(open).finally(() => {
      this.opening = undefined;
    });
    return this.opening;
  }

  async #openRevision(endTurn: () => void, known?: Build): Promise<void> {
    const old = this.#current;
    if (old === undefined) this.#to("loading");
    const number = this.#revisions + 1;
    try {
      const build = known ?? (await this.#sources.build(this.#entry));
      await this.#sources.prepare(build);
      const revision = await this.#openAs(number, build, endTurn);
      this.#revisions = number;
      this.#current = revision;
      const before = this.#declared;
      this.#declared = revision.sandbox.description;
      this.#cpu = new CpuShare(build.isolates);
      this.#reason = undefined;
      this.#limiter = build.limits.rate === undefined ? undefined : new RateLimiter(build.limits.rate);
      // The old one may have ended meanwhile.
      if (this.#state === "failed") this.#to("loading");
      if (this.#state !== "ready") this.#to("ready");
      if (old !== undefined) this.#retiring.leave(old.unmount().then(() => old.retire({ drain: true })));
      this.#sources.logger.info(
        { plugin: this.name, version: build.manifest.version, revision: number },
        "plugin ready",
      );
      if (known === undefined && before !== undefined) this.#sources.replaced(this, before);
    } catch (error) {
      this.#reason = asXcoreError(error);
      if (this.#current === undefined) this.#to("failed");
      throw this.#reason;
    }
  }

  #openAs(number: number, build: Build, onOpened: () => void): Promise<Revision> {
    const options = {
      ...this.#placement.place(build, number),
      number,
      onOpened,
      onLoss: (reason: XcoreError) => this.#lost(number, reason),
      onEnd: (reason: XcoreError) => this.#ended(number, reason),
    };
    return openDespiteStarvation(() => Revision.open(options, this.#sources));
  }

  /** The living revision's sandbox ended by itself: the same build is opened again. */
  #ended(number: number, reason: XcoreError): void {
    const revision = this.#current;
    if (revision?.number !== number || this.#closing.signal.aborted) return;
    this.#current = undefined;
    this.#reason = reason;
    this.#to("failed");
    this.#retiring.leave(revision.close());
    if (reason.details["killedHost"] === true) this.#placement.evict();
    const restart = this.#restart(revision.build, reason).finally(() => {
      if (this.opening === restart) this.opening = undefined;
    });
    // Requests may wait for one that is opened again at once, or for what ran before it.
    const atOnce = reason.details["bystander"] === true || this.#sources.isWatched?.(this) === true;
    if (atOnce) this.opening = restart;
  }

  /** One of several isolates ended by itself. A revision that is not yet trusted to stay ends as a whole, as with one isolate. */
  #lost(number: number, reason: XcoreError): AfterLoss {
    if (number > this.#revisions || this.#sources.isWatched?.(this) === true) return "end";
    if (this.#current?.number !== number || this.#closing.signal.aborted) return "never";
    return this.#restarts.lost(reason);
  }

  async #restart(build: Build, reason: XcoreError): Promise<void> {
    const outcome = await this.#restarts.run(reason, () =>
      this.#queue.run(async () => {
        if (this.#state === "failed") await this.#open(build);
      }),
    );
    if (outcome === "quarantine" && this.#state === "failed") this.#to("quarantined");
  }

  #to(state: PluginState): void {
    this.#state = transition(this.#state, state);
  }
}
