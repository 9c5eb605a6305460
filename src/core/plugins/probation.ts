// The first minute of a revision that replaced another one in a running server. One that fails it goes back by itself.
import { asXcoreError, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Plugin } from "./plugin.ts";

export const probationMs = 60_000;

/** So many requests must have been answered before their failures say anything. */
const fewestRequests = 20;
const mostFailed = 0.5;

export interface ProbationOptions {
  /** How long it lasts. */
  ms: number;
  /** Brings back what ran before, in xcore.lock and in the server. Rejects when there is nothing, or when the data can't follow. */
  goBack(plugin: string, folder: string, reason: XcoreError): Promise<void>;
  logger: Logger;
}

interface Watched {
  plugin: Plugin;
  /** Of the revision that is looked at. */
  folder: string;
  total: number;
  errors: number;
  endsAt: number;
  timer: NodeJS.Timeout;
}

/**
 * A revision fails when its isolate ends by its own doing, when it can't be opened again, or when more than half of at least 20
 * requests since the switch were answered with a server error (5xx).
 */
export class Probation implements Disposable {
  readonly #options: ProbationOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: ProbationOptions) {
    this.#options = options;
  }

  /** The plugin has just switched to what its entry names now. */
  begin(plugin: Plugin): void {
    this.end(plugin.name);
    const { ms } = this.#options;
    const watched: Watched = {
      plugin,
      folder: plugin.entry.folder,
      total: plugin.meter.total,
      errors: plugin.meter.errors,
      endsAt: performance.now() + ms,
      timer: setInterval(() => this.#look(watched), Math.min(ms / 10, 250)),
    };
    watched.timer.unref();
    this.#watched.set(plugin.name, watched);
  }

  has(name: string): boolean {
    return this.#watched.has(name);
  }

  end(name: string): void {
    clearInterval(this.#watched.get(name)?.timer);
    this.#watched.delete(name);
  }

  /** It failed: whether something else runs in its place now. */
  async failed(name: string, reason: XcoreError): Promise<boolean> {
    const watched = this.#watched.get(name);
    if (watched === undefined) return false;
    this.end(name);
    const { logger, goBack } = this.#options;
    const version = watched.plugin.entry.manifest?.version;
    try {
      await goBack(name, watched.folder, reason);
      const now = watched.plugin.entry.manifest?.version;
      logger.error(
        { plugin: name, code: reason.code, from: version, to: now },
        `plugin '${name}' ${version} failed its first minute and went back to ${now}: ${reason.message}`,
      );
      return true;
    } catch (error) {
      const fault = asXcoreError(error);
      logger.error(
        { plugin: name, code: fault.code, hint: fault.hint },
        `plugin '${name}' ${version} failed its first minute (${reason.message}) and could not go back: ${fault.message}`,
      );
      return false;
    }
  }

  [Symbol.dispose](): void {
    for (const name of this.#watched.keys()) this.end(name);
  }

  #look(watched: Watched): void {
    const { plugin, endsAt } = watched;
    const { name } = plugin;
    const total = plugin.meter.total - watched.total;
    const errors = plugin.meter.errors - watched.errors;
    if (total >= fewestRequests && errors / total > mostFailed) {
      const reason = new XcoreError("PLUGIN_ERROR", `${errors} of its first ${total} requests failed`);
      void this.failed(name, reason);
    } else if (performance.now() >= endsAt) {
      this.end(name);
      this.#options.logger.info({ plugin: name }, `plugin '${name}' stood its first minute`);
    }
  }
}
