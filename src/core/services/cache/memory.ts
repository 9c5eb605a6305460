// Cache in the process's own memory: the default, for one process.
import { Type, type Static } from "typebox";
import type { Facade, Health, PluginIdentity, Provider, Service } from "../service.ts";
import { cacheFacade } from "./facade.ts";
import { commonOptions, settingsOf, type CacheSettings } from "./options.ts";
import { PluginCache } from "./plugin-cache.ts";

const options = Type.Object(commonOptions, { additionalProperties: false });

export const memoryCache: Provider<Static<typeof options>> = {
  driver: "memory",
  options,
  needs: [],
  open: (context) => Promise.resolve(new MemoryCache(settingsOf(context.options))),
};

class MemoryCache implements Service {
  readonly driver = "memory";
  readonly tenants = true;
  readonly #settings: CacheSettings;
  readonly #caches = new Map<string, PluginCache>();

  constructor(settings: CacheSettings) {
    this.#settings = settings;
  }

  check(): Promise<Health> {
    const { size } = this.#caches;
    const detail = `in process, ${size} ${size === 1 ? "plugin" : "plugins"}`;
    return Promise.resolve({ ok: true, latencyMs: 0, detail });
  }

  forPlugin({ name }: PluginIdentity): Promise<Facade> {
    let cache = this.#caches.get(name);
    if (cache === undefined) {
      cache = new PluginCache({ plugin: name, ...this.#settings });
      this.#caches.set(name, cache);
    }
    return Promise.resolve(
      cacheFacade(cache, { maxValueBytes: this.#settings.maxValueBytes, maxWaitMs: 1000 }),
    );
  }

  async removePlugin(name: string): Promise<void> {
    await this.#caches.get(name)?.clear();
    this.#caches.delete(name);
  }

  removeTenant(tenant: string): Promise<void> {
    for (const cache of this.#caches.values()) cache.forgetTenant(tenant);
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#caches.clear();
    return Promise.resolve();
  }
}
