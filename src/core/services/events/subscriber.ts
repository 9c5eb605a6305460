// One subscriber's queue: deliveries of one key one at a time and in order, those of several keys side by side, and no more
// waiting than a cap.
import type { EventDelivery } from "../../../wire/guest-calls.ts";
import { messageOf } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { Deliver, EventOrigin, PublishedEvent } from "./events.ts";
import { matchesAny } from "./pattern.ts";

export interface SubscriberOptions {
  plugin: string;
  patterns: readonly string[];
  deliver: Deliver;
  /** Events that may wait; one that comes on top is dropped. */
  maxQueue: number;
  logger: Logger;
}

interface Waiting {
  event: EventDelivery;
  origin: EventOrigin;
}

const logEveryMs = 10_000;
/** Keys that are delivered at the same time. */
const maxAtOnce = 16;

export class Subscriber {
  readonly #options: SubscriberOptions;
  /** By tenant and key; a lane is here as long as something of it waits or is delivered. */
  readonly #lanes = new Map<string, Waiting[]>();
  /** Lanes whose turn it is, the next one first. */
  readonly #ready: string[] = [];
  #atOnce = 0;
  #waiting = 0;
  #ended = false;
  #dropped = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SubscriberOptions) {
    this.#options = options;
  }

  get dropped(): number {
    return this.#dropped;
  }

  offer({ key = "", ...event }: PublishedEvent, origin: EventOrigin): void {
    if (this.#ended || !matchesAny(this.#options.patterns, event.name)) return;
    if (this.#waiting >= this.#options.maxQueue) {
      this.#drop(event);
      return;
    }
    this.#waiting += 1;
    const name = `${origin.tenant?.id ?? ""}\n${key}`;
    const lane = this.#lanes.get(name);
    if (lane !== undefined) {
      lane.push({ event, origin });
      return;
    }
    this.#lanes.set(name, [{ event, origin }]);
    this.#ready.push(name);
    this.#fill();
  }

  end(): void {
    this.#ended = true;
    this.#waiting = 0;
    this.#lanes.clear();
    this.#ready.length = 0;
  }

  #fill(): void {
    while (this.#atOnce < maxAtOnce) {
      const name = this.#ready.shift();
      if (name === undefined) return;
      this.#atOnce += 1;
      void this.#deliverNext(name);
    }
  }

  /** One of the lane, then it goes to the end of the queue: a busy key holds up no other. */
  async #deliverNext(name: string): Promise<void> {
    // The publisher goes on first: nobody's next step depends on a listener.
    await Promise.resolve();
    const lane = this.#lanes.get(name);
    const next = lane?.shift();
    if (next !== undefined) {
      this.#waiting -= 1;
      await this.#deliver(next);
      if (lane?.length === 0) this.#lanes.delete(name);
      else if (!this.#ended) this.#ready.push(name);
    }
    this.#atOnce -= 1;
    this.#fill();
  }

  async #deliver({ event, origin }: Waiting): Promise<void> {
    const { plugin, deliver, logger } = this.#options;
    try {
      await deliver(event, origin);
    } catch (error) {
      const fields = { plugin, event: event.name, tenant: origin.tenant?.id, error: messageOf(error) };
      logger.warn(fields, "an event handler failed");
    }
  }

  #drop(event: EventDelivery): void {
    this.#dropped += 1;
    const now = performance.now();
    if (now - this.#loggedAt < logEveryMs) return;
    this.#loggedAt = now;
    const { plugin, maxQueue, logger } = this.#options;
    logger.warn(
      { plugin, event: event.name, dropped: this.#dropped, maxQueue },
      "a subscriber is too slow: events for it are dropped",
    );
  }
}
