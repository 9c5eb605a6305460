// What a save means: which plugins are loaded anew, and nothing else.
import { basename, relative, resolve } from "node:path";
import { asXcoreError } from "./base/error.ts";
import type { Logger } from "./base/log.ts";
import type { Config } from "./config/config.ts";
import { configChanges } from "./config/changes.ts";
import type { Plugin } from "./plugins/plugin.ts";
import type { PluginRegistry, SyncOutcome } from "./plugins/registry.ts";
import type { Saved } from "./plugins/watcher.ts";

export interface ReloaderOptions {
  config(): Config;
  /** Reads integration.yaml again; throws when it is broken. */
  readConfig(): Promise<Config>;
  useConfig(config: Config): void;
  plugins: PluginRegistry;
  logger: Logger;
}

export class Reloader {
  readonly #options: ReloaderOptions;

  constructor(options: ReloaderOptions) {
    this.#options = options;
  }

  /** Never throws: a broken save is shown, and what ran goes on. */
  async saved(saved: Saved): Promise<void> {
    const { logger, plugins } = this.#options;
    try {
      const touched = new Set<string>();
      let catalogTouched = saved.project;
      for (const [folder, files] of saved.plugins) {
        const plugin = plugins.list().find((one) => one.entry.folder === this.#folder(folder));
        if (plugin === undefined || [...files].some((file) => basename(file) === "plugin.yaml"))
          catalogTouched = true;
        if (plugin !== undefined && [...files].some((file) => matters(plugin, file)))
          touched.add(plugin.name);
      }
      if (catalogTouched) {
        const outcome = await this.sync(touched);
        report(outcome, logger);
        return;
      }
      await Promise.all([...touched].map((name) => this.#reload(plugins.get(name))));
    } catch (error) {
      const known = asXcoreError(error);
      logger.error({ code: known.code, hint: known.hint }, known.message);
    }
  }

  /** Reads integration.yaml, plugins folder and lock again; throws when integration.yaml is broken. */
  async sync(touched: ReadonlySet<string> = new Set()): Promise<SyncOutcome> {
    const before = this.#options.config();
    const after = await this.#options.readConfig();
    const changes = configChanges(before, after);
    this.#options.useConfig(after);
    const later = [...changes.parts, ...changes.services.map((name) => `services.${name}`)];
    if (later.length > 0) {
      this.#options.logger.warn({ changed: later }, "integration.yaml: this takes effect at the next start");
    }
    const everyone = this.#options.plugins.list().map((plugin) => plugin.name);
    const concerned = changes.policy ? everyone : changes.plugins;
    return await this.#options.plugins.sync(new Set([...touched, ...concerned]));
  }

  async #reload(plugin: Plugin): Promise<void> {
    const startedAt = performance.now();
    try {
      await plugin.load();
      this.#options.logger.info(
        { plugin: plugin.name, ms: Math.round(performance.now() - startedAt) },
        "reloaded",
      );
    } catch (error) {
      const known = asXcoreError(error);
      const kept = plugin.state === "ready" ? `revision ${plugin.revisions} keeps serving: ` : "";
      this.#options.logger.error(
        { plugin: plugin.name, code: known.code, hint: known.hint },
        `${kept}${known.message}`,
      );
    }
  }

  #folder(name: string): string {
    return resolve(this.#options.config().workspace, "plugins", name);
  }
}

/** A plugin that does not run may be mended by any file; one that runs, only by what its revision was made of. */
function matters(plugin: Plugin, file: string): boolean {
  const build = plugin.current?.build;
  if (build === undefined || plugin.reason !== undefined) return true;
  const path = relative(plugin.entry.folder, file);
  if (path === "plugin.yaml" || path.startsWith(`${build.manifest.migrations}/`)) return true;
  return build.bundle.inputs.includes(path);
}

function report(outcome: SyncOutcome, logger: Logger): void {
  const { loaded, reloaded, unloaded } = outcome;
  if (loaded.length + reloaded.length + unloaded.length > 0)
    logger.info({ loaded, reloaded, unloaded }, "plugins changed");
}
