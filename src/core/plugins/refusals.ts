// Host calls that were refused to one plugin: all counted, the first logged at once, the others by their number now and then.
import type { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { plainText } from "../sandbox/guest-text.ts";

const logEveryMs = 10_000;

export class Refusals {
  readonly #plugin: string;
  readonly #logger: Logger;
  readonly #now: () => number;
  #count = 0;
  #told = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(plugin: string, logger: Logger, now: () => number = () => performance.now()) {
    this.#plugin = plugin;
    this.#logger = logger;
    this.#now = now;
  }

  get count(): number {
    return this.#count;
  }

  note(call: string, refusal: XcoreError): void {
    this.#count += 1;
    const now = this.#now();
    if (now - this.#toldAt < logEveryMs) return;
    const since = this.#count - this.#told;
    this.#toldAt = now;
    this.#told = this.#count;
    this.#logger.warn(
      {
        plugin: this.#plugin,
        call: /^[\w.]{1,64}$/.test(call) ? call : "unknown",
        code: refusal.code,
        since,
        denied: this.#count,
      },
      `host call denied: ${plainText(refusal.message, 500)}`,
    );
  }
}
