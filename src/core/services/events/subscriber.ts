// One subscriber's queue: deliveries one at a time, in order, and no more waiting than a cap.
import type { EventDelivery } from "../../../wire/guest-calls.ts";
import { messageOf } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { CallTenant } from "../../base/tenant.ts";
import type { Deliver } from "./events.ts";
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
  tenant: CallTenant | undefined;
}

const logEveryMs = 10_000;

export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #waiting: Waiting[] = [];
  #delivering = false;
  #ended = false;
  #dropped = 0;
  #loggedAt = Number.NEGATIVE_INFINITY;

  constructor(options: SubscriberOptions) {
    this.#options = options;
  }

  get dropped(): number {
    return this.#dropped;
  }

  offer(event: EventDelivery, tenant: CallTenant | undefined): void {
    if (this.#ended || !matchesAny(this.#options.patterns, event.name)) return;
    if (this.#waiting.length >= this.#options.maxQueue) {
      this.#drop(event);
      return;
    }
    this.#waiting.push({ event, tenant });
    if (!this.#delivering) void this.#run();
  }

  end(): void {
    this.#ended = true;
    this.#waiting.length = 0;
  }

  async #run(): Promise<void> {
    this.#delivering = true;
    const { plugin, deliver, logger } = this.#options;
    // The publisher goes on first: nobody's next step depends on a listener.
    await Promise.resolve();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const { event, tenant } = next;
      try {
        await deliver(event, tenant);
      } catch (error) {
        const fields = { plugin, event: event.name, tenant: tenant?.id, error: messageOf(error) };
        logger.warn(fields, "an event handler failed");
      }
    }
    this.#delivering = false;
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
