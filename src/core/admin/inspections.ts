// Plugins that are being inspected, each for as long as whoever asked for it says so again and again.
import { XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import {
  openInspectorEndpoint,
  type InspectorAddress,
  type InspectorEndpoint,
} from "../http/inspector-endpoint.ts";
import type { Plugin } from "../plugins/plugin.ts";
import type { PluginRegistry } from "../plugins/registry.ts";

/** Without another word in this time, the one who asked is taken for gone. */
const leaseMs = 15_000;

export interface InspectionsOptions {
  plugins: PluginRegistry;
  logger: Logger;
  /** Default 15 s. */
  leaseMs?: number;
}

interface Inspection {
  plugin: Plugin;
  endpoint: InspectorEndpoint;
  lease: NodeJS.Timeout;
}

export class Inspections implements AsyncDisposable {
  readonly #options: InspectionsOptions;
  readonly #leaseMs: number;
  readonly #inspections = new Map<string, Promise<Inspection>>();

  constructor(options: InspectionsOptions) {
    this.#options = options;
    this.#leaseMs = options.leaseMs ?? leaseMs;
  }

  /** Opens the plugin to a debugger, or says that it is still wanted. `FORBIDDEN` for a trusted one. */
  async open(name: string): Promise<InspectorAddress> {
    let opening = this.#inspections.get(name);
    if (opening === undefined) {
      opening = this.#open(this.#options.plugins.get(name));
      this.#inspections.set(name, opening);
      opening.catch(() => this.#inspections.delete(name));
    }
    const { endpoint, lease } = await opening;
    lease.refresh();
    return endpoint.address;
  }

  /** The plugin goes back to its usual host and limits. Nothing happens to one that is not inspected. */
  async close(name: string): Promise<void> {
    const opening = this.#inspections.get(name);
    if (opening === undefined) return;
    this.#inspections.delete(name);
    const { plugin, endpoint, lease } = await opening;
    clearTimeout(lease);
    await endpoint[Symbol.asyncDispose]();
    await plugin.inspect(false);
    this.#options.logger.info({ plugin: name }, "no longer inspected; its limits hold again");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#inspections.values()];
    this.#inspections.clear();
    for (const opening of await Promise.allSettled(all)) {
      if (opening.status === "rejected") continue;
      clearTimeout(opening.value.lease);
      await opening.value.endpoint[Symbol.asyncDispose]();
    }
  }

  async #open(plugin: Plugin): Promise<Inspection> {
    if (plugin.current?.build.trusted === true) {
      throw new XcoreError("FORBIDDEN", `plugin '${plugin.name}' is trusted: it has no isolate to inspect`, {
        hint: "It runs in the server's own process: start that with node --inspect.",
      });
    }
    await plugin.inspect(true);
    const endpoint = await openInspectorEndpoint(plugin);
    const { name } = plugin;
    const lease = setTimeout(() => {
      this.close(name).catch((error: unknown) => {
        this.#options.logger.error({ plugin: name, err: error }, "an inspection did not end cleanly");
      });
    }, this.#leaseMs);
    lease.unref();
    this.#options.logger.warn(
      { plugin: name },
      "being inspected, in a host of its own: its limits of CPU and time are suspended",
    );
    return { plugin, endpoint, lease };
  }
}
