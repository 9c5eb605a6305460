// Tells Agenda's processor of work within this process. Other processes find it by polling: LISTEN/NOTIFY would cost a
// connection, a global lock at every commit and four messages a job, to save at most one polling interval.
import { EventEmitter } from "node:events";
import type { JobNotification, NotificationChannel, NotificationHandler } from "agenda";
import { toJobId } from "agenda";

export class LocalChannel extends EventEmitter implements NotificationChannel {
  readonly #handlers = new Set<NotificationHandler>();
  readonly #busy = new Set<string>();
  readonly #again = new Set<string>();
  #state: "connected" | "disconnected" = "disconnected";

  get state(): "connected" | "disconnected" {
    return this.#state;
  }

  connect(): Promise<void> {
    this.#state = "connected";
    return Promise.resolve();
  }

  disconnect(): Promise<void> {
    this.#state = "disconnected";
    this.#handlers.clear();
    return Promise.resolve();
  }

  subscribe(handler: NotificationHandler): () => void {
    this.#handlers.add(handler);
    return () => this.#handlers.delete(handler);
  }

  async publish(notification: JobNotification): Promise<void> {
    await Promise.all([...this.#handlers].map((handler) => handler(notification)));
  }

  /** Has the processor look for jobs of this name now. Calls that come while it looks are one more look. */
  async poke(name: string): Promise<void> {
    if (this.#busy.has(name)) {
      this.#again.add(name);
      return;
    }
    this.#busy.add(name);
    try {
      do {
        this.#again.delete(name);
        await this.publish({
          jobId: toJobId(""),
          jobName: name,
          nextRunAt: null,
          priority: 0,
          timestamp: new Date(),
        });
      } while (this.#again.has(name));
    } finally {
      this.#busy.delete(name);
    }
  }
}
