// One plugin's cache: a memory of its own with a size of its own, and a shared tier behind it where there is one.
import { BentoCache, bentostore } from "bentocache";
import type { CreateDriverResult, L2CacheDriver } from "bentocache/types";
import { MemoryDriver } from "bentocache/drivers/memory";
import type { Json } from "../../../wire/json.ts";

export interface PluginCacheOptions {
  plugin: string;
  /** Bytes it may hold in memory; the least recently used go first. */
  maxBytes: number;
  maxValueBytes: number;
  defaultTtlMs: number;
  remote?: L2CacheDriver;
}

// Texts of every key and value are a little larger than what the plugin counted.
const envelopeBytes = 4096;
const maxItems = 100_000;

export class PluginCache {
  readonly #local: MemoryDriver;
  readonly #cache: ReturnType<typeof createCache>;

  constructor(options: PluginCacheOptions) {
    this.#local = new MemoryDriver({
      prefix: options.plugin,
      maxItems,
      maxSize: options.maxBytes,
      maxEntrySize: Math.min(options.maxValueBytes + envelopeBytes, options.maxBytes),
    });
    this.#cache = createCache(options, this.#local);
  }

  /** Undefined when there is none. */
  async get(key: string): Promise<Json | undefined> {
    return this.#cache.get<Json>({ key: ownKey(key) });
  }

  async set(
    key: string,
    value: Json,
    options: { ttlMs?: number | undefined; tags: readonly string[] },
  ): Promise<void> {
    await this.#cache.set({
      key: ownKey(key),
      value,
      tags: [...options.tags],
      ...(options.ttlMs === undefined ? {} : { ttl: options.ttlMs }),
    });
  }

  async delete(keys: readonly string[], tags: readonly string[]): Promise<void> {
    if (keys.length > 0) await this.#cache.deleteMany({ keys: keys.map(ownKey) });
    if (tags.length > 0) await this.#cache.deleteByTag({ tags: [...tags] });
  }

  /** Removes everything, in every tier. */
  async clear(): Promise<void> {
    await this.#cache.clear();
  }

  /** Forgets single entries of the memory in front; another node has changed them. `key` is as the tier behind knows it. */
  forget(key: string): void {
    this.#local.delete(key);
  }

  forgetAll(): void {
    this.#local.clear();
  }
}

// Bentocache keeps the marks of invalidated tags among the keys; the prefix keeps a plugin's keys away from them.
function ownKey(key: string): string {
  return `k:${key}`;
}

function createCache(options: PluginCacheOptions, local: MemoryDriver) {
  const memory: CreateDriverResult<MemoryDriver> = { options: {}, factory: () => local };
  const store = bentostore().useL1Layer(memory);
  const { remote } = options;
  if (remote !== undefined) store.useL2Layer({ options: {}, factory: () => remote });
  return new BentoCache({
    default: "plugin",
    prefix: options.plugin,
    ttl: options.defaultTtlMs,
    // With grace, deleteByTag answers values it has just deleted.
    grace: false,
    stores: { plugin: store },
  });
}
