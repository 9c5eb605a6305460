// What follows a crash: the same build is opened again after a growing pause, until it is given up.
import { sleep } from "../base/deadline.ts";
import { asXcoreError, type XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { Backoff } from "./backoff.ts";

export interface RestartOptions {
  plugin: string;
  logger: Logger;
  /** Fires when the server stops: no restart follows. */
  signal: AbortSignal;
  /** Told of each crash that is the plugin's own doing; true: something else runs in its place. */
  instead(fault: XcoreError): Promise<boolean>;
}

const starvedEveryMs = 10_000;

/** Opens something, and once more when it was stopped only because the machine had hardly let it run: a load is not refused for that. */
export async function openDespiteStarvation<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (asXcoreError(error).details["starved"] !== true) throw error;
    return await open();
  }
}

export class Restarts {
  /** Since the server started. */
  count = 0;
  readonly #options: RestartOptions;
  readonly #backoff = new Backoff();
  #starvedAt = Number.NEGATIVE_INFINITY;

  constructor(options: RestartOptions) {
    this.#options = options;
  }

  /** Somebody loads it by hand: what was is forgotten. */
  reset(): void {
    this.#backoff.reset();
  }

  /** One of its isolates ended and others go on: after how many ms it is opened again; `end` when it has crashed too often. */
  lost(fault: XcoreError): number | "end" {
    const { plugin, logger } = this.#options;
    const delayMs = this.#isFree(fault) ? 0 : this.#backoff.crashed();
    if (delayMs === "quarantine") return "end";
    this.count += 1;
    const fields = { plugin, code: fault.code, ...fault.details, restartInMs: delayMs };
    logger.error(fields, `${fault.message}; its other isolates go on`);
    return delayMs;
  }

  /** Tries until `reopen` succeeds. One whose neighbour took the host down is opened at once, and it does not count as its crash. */
  async run(
    reason: XcoreError,
    reopen: () => Promise<void>,
  ): Promise<"open" | "replaced" | "quarantine" | "stopping"> {
    const { plugin, logger, signal, instead } = this.#options;
    let fault = reason;
    for (;;) {
      const isFree = this.#isFree(fault);
      if (!isFree && (await instead(fault))) return "replaced";
      const delayMs = isFree ? 0 : this.#backoff.crashed();
      const fields = { plugin, code: fault.code, ...fault.details };
      if (delayMs === "quarantine") {
        logger.error(fields, `${fault.message}; quarantined after repeated crashes`);
        return "quarantine";
      }
      logger.error({ ...fields, restartInMs: delayMs }, fault.message);
      this.count += 1;
      try {
        if (delayMs > 0) await sleep(delayMs, signal);
        await reopen();
        return "open";
      } catch (error) {
        if (signal.aborted) return "stopping";
        fault = asXcoreError(error);
      }
    }
  }

  /** Not its own doing. That the machine was too busy is believed once in a while only: a plugin that spins says the same. */
  #isFree(fault: XcoreError): boolean {
    if (fault.details["starved"] !== true) return fault.details["bystander"] === true;
    const now = performance.now();
    const free = now - this.#starvedAt > starvedEveryMs;
    this.#starvedAt = now;
    return free;
  }
}
