// The events of one node: its subscribers, and the bridge that carries what is published here to the other nodes.
import { XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { Facade, Health, PluginIdentity } from "../service.ts";
import type { Deliver, EventOrigin, EventsAbove, EventsService, PublishedEvent } from "./events.ts";
import { eventsFacade } from "./facade.ts";
import type { EventSettings } from "./options.ts";
import { isEventName, isEventPattern, maxNameLength } from "./pattern.ts";
import { Subscriber } from "./subscriber.ts";

/** An event's origin between nodes. */
export interface RemoteOrigin {
  /** The tenant's name. */
  readonly tenant?: string | undefined;
  readonly hops?: number | undefined;
}

/** Carries events to the other nodes and brings theirs. */
export interface EventBridge extends AsyncDisposable {
  /** Never throws and never waits: what can't be carried is dropped, counted and said. */
  send(event: PublishedEvent, origin: RemoteOrigin): void;
  check(timeoutMs: number): Promise<Health>;
}

/** `receive` is told what other nodes publish. */
export type OpenBridge = (receive: (event: PublishedEvent, origin: RemoteOrigin) => void) => EventBridge;

export interface HubOptions extends EventSettings {
  driver: string;
  logger: Logger;
  /** None: events stay on this node. */
  bridge?: OpenBridge;
}

export class EventsHub implements EventsService {
  readonly driver: string;
  readonly tenants = true;
  readonly #options: HubOptions;
  readonly #bridge: EventBridge | undefined;
  readonly #subscribers = new Set<Subscriber>();
  #above: EventsAbove | undefined;
  #droppedByGone = 0;

  constructor(options: HubOptions) {
    this.#options = options;
    this.driver = options.driver;
    this.#bridge = options.bridge?.((event, origin) => this.#receive(event, origin));
  }

  attach(above: EventsAbove): void {
    this.#above = above;
  }

  subscribe(plugin: string, patterns: readonly string[], deliver: Deliver): () => void {
    const wrong = patterns.find((pattern) => !isEventPattern(pattern));
    if (wrong !== undefined) throw noPattern(plugin, wrong);
    const { maxQueue, logger } = this.#options;
    const subscriber = new Subscriber({ plugin, patterns, deliver, maxQueue, logger });
    this.#subscribers.add(subscriber);
    return () => {
      if (!this.#subscribers.delete(subscriber)) return;
      this.#droppedByGone += subscriber.dropped;
      subscriber.end();
    };
  }

  publish(event: PublishedEvent, origin: EventOrigin = {}): Promise<void> {
    if (!isEventName(event.name)) return Promise.reject(noName(event.name));
    this.#offer(event, origin);
    this.#bridge?.send(event, { tenant: origin.tenant?.id, hops: origin.hops });
    return Promise.resolve();
  }

  async check(timeoutMs: number): Promise<Health> {
    const { size } = this.#subscribers;
    const health = (await this.#bridge?.check(timeoutMs)) ?? { ok: true, latencyMs: 0, detail: "in process" };
    const dropped = [...this.#subscribers].reduce((sum, one) => sum + one.dropped, this.#droppedByGone);
    const lost = dropped > 0 ? `, ${dropped} events dropped` : "";
    return {
      ...health,
      detail: `${health.detail}, ${size} ${size === 1 ? "subscriber" : "subscribers"}${lost}`,
    };
  }

  forPlugin(plugin: PluginIdentity): Promise<Facade> {
    return Promise.resolve(
      eventsFacade({
        plugin,
        maxPayloadBytes: this.#options.maxPayloadBytes,
        publish: (event, origin) => this.publish(event, origin),
        keep: (event, origin) => this.#keep(event, origin),
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#bridge?.[Symbol.asyncDispose]();
    for (const subscriber of this.#subscribers) subscriber.end();
    this.#subscribers.clear();
  }

  #offer(event: PublishedEvent, origin: EventOrigin): void {
    for (const subscriber of this.#subscribers) subscriber.offer(event, origin);
  }

  /** Of another node; a tenant that is not known here (any more) has no subscribers here. */
  #receive(event: PublishedEvent, { tenant, hops }: RemoteOrigin): void {
    try {
      this.#offer(event, { tenant: tenant === undefined ? undefined : this.#above?.tenant(tenant), hops });
    } catch (error) {
      if (!(error instanceof XcoreError)) throw error;
    }
  }

  async #keep(event: PublishedEvent, origin: EventOrigin): Promise<void> {
    if (!isEventName(event.name)) throw noName(event.name);
    if (this.#above !== undefined) return this.#above.keep(event, origin);
    throw new XcoreError("SERVICE_UNAVAILABLE", "durable events need the job queue, which is not there yet");
  }
}

function noPattern(plugin: string, pattern: string): XcoreError {
  return new XcoreError(
    "PLUGIN_DEFINITION",
    `plugin '${plugin}': '${pattern}' is no name or pattern of events`,
    {
      hint: pattern.includes("**")
        ? "Write note.*: a * at the end stands for all that follows; there is no **."
        : "Write names such as note.created; a * may stand only as the last segment: note.*",
    },
  );
}

function noName(name: string): XcoreError {
  return new XcoreError(
    "INPUT_INVALID",
    `events.publish: '${name.slice(0, maxNameLength)}' is no name of an event`,
    { hint: "Write letters, digits, _ and - in segments with dots between them: note.created" },
  );
}
