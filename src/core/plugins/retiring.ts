// Revisions that are replaced or lost, on their way to their end beside the one that lives.
import type { Logger } from "../base/log.ts";

export class Retiring {
  readonly #plugin: string;
  readonly #logger: Logger;
  readonly #endings = new Set<Promise<void>>();

  constructor(plugin: string, logger: Logger) {
    this.#plugin = plugin;
    this.#logger = logger;
  }

  /** Lets it end by itself. */
  leave(ending: Promise<void>): void {
    const left = ending
      .catch((error: unknown) => {
        this.#logger.warn({ plugin: this.#plugin, err: error }, "a revision did not end cleanly");
      })
      .finally(() => this.#endings.delete(left));
    this.#endings.add(left);
  }

  /** Resolves when all of them have ended. */
  async ended(): Promise<void> {
    await Promise.all(this.#endings);
  }
}
