// One plugin's cache: a memory of its own with a size of its own, and a shared tier behind it where there is one.
import { BentoCache, bentostore } from "bentocache";
import type { CreateDriverResult, L2CacheDriver } from "bentocache/types";
import { MemoryDriver } from "bentocache/drivers/memory";
import type { Json } from "../../../wire/json.ts";
import type { CallTenant } from "../../base/tenant.ts";

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

/** What a plugin keeps for one tenant, or for itself: all of them share its memory, none sees another's keys or tags. */
export interface KeySpace {
  /** Undefined when there is none. */
  get(key: string): Promise<Json | undefined>;
  set(key: string, value: Json, options: SetOptions): Promise<void>;
  delete(keys: readonly string[], tags: readonly string[]): Promise<void>;
}

export interface SetOptions {
  ttlMs?: number | undefined;
  tags: readonly string[];
}

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

  of(tenant: CallTenant | undefined): KeySpace {
    const start = startOf(tenant);
    const full = (names: readonly string[]): string[] => names.map((name) => start + name);
    return {
      get: (key) => this.#cache.get<Json>({ key: start + key }),
      set: async (key, value, { ttlMs, tags }) => {
        await this.#cache.set({
          key: start + key,
          value,
          tags: full(tags),
          ...(ttlMs === undefined ? {} : { ttl: ttlMs }),
        });
      },
      delete: async (keys, tags) => {
        if (keys.length > 0) await this.#cache.deleteMany({ keys: full(keys) });
        if (tags.length > 0) await this.#cache.deleteByTag({ tags: full(tags) });
      },
    };
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

  /** Forgets what is held in memory for a tenant. */
  forgetTenant(tenant: string): void {
    this.#local.namespace(tenantStart(tenant)).clear();
  }
}

// Bentocache keeps the marks of invalidated tags among the keys; a prefix keeps a plugin's keys away from them. The serial is never
// used again: nothing of a dropped tenant comes back under its name.
function startOf(tenant: CallTenant | undefined): string {
  return tenant === undefined ? "k:" : `${tenantStart(tenant.id)}:${tenant.serial}:`;
}

/** How the keys of a tenant begin, within those of a plugin. */
export function tenantStart(tenant: string): string {
  return `t:${tenant}`;
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
