// Cache in Redis behind memory: shared by every node, and never slower or less available than memory alone.
import { Type, type Static } from "typebox";
import { withDeadline } from "../../base/deadline.ts";
import { messageOf } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { parseSize, sizePattern } from "../../base/units.ts";
import { redisPrefix, redisUrl } from "../redis-connection.ts";
import { redisFaults, type RedisFaults } from "../redis-faults.ts";
import type { Facade, Health, PluginIdentity, Provider, Service } from "../service.ts";
import { cacheFacade } from "./facade.ts";
import { commonOptions, settingsOf, type CacheSettings } from "./options.ts";
import { PluginCache, tenantStart } from "./plugin-cache.ts";
import { RedisLink } from "./redis-link.ts";
import { RedisTier, tagMark } from "./redis-tier.ts";

const options = Type.Object(
  {
    ...commonOptions,
    url: redisUrl,
    redisSize: Type.String({
      pattern: sizePattern,
      default: "64mb",
      examples: ["64mb"],
      description: "Room in Redis for each plugin's values; those that expire soonest go first.",
    }),
    /** Servers with the same prefix share their caches. */
    prefix: redisPrefix,
  },
  { additionalProperties: false },
);

export const redisCache: Provider<Static<typeof options>> = {
  driver: "redis",
  options,
  needs: [],
  async open({ name, options: written, logger }) {
    const cache = new RedisCache({
      ...settingsOf(written),
      maxRedisBytes: parseSize(written.redisSize) ?? 64 * 1024 ** 2,
      url: written.url,
      prefix: written.prefix,
      logger,
      faults: redisFaults(written.url, `services.${name}.url`),
    });
    await cache.connect();
    return cache;
  },
};

interface Settings extends CacheSettings {
  maxRedisBytes: number;
  url: string;
  prefix: string;
  logger: Logger;
  faults: RedisFaults;
}

const firstConnectMs = 500;
const maxWaitMs = 200;

class RedisCache implements Service {
  readonly driver = "redis";
  readonly tenants = true;
  readonly #settings: Settings;
  readonly #link: RedisLink;
  readonly #caches = new Map<string, PluginCache>();

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#link = new RedisLink({
      url: settings.url,
      prefix: `${settings.prefix}:cache`,
      logger: settings.logger,
      faults: settings.faults,
      onForeignChange: (key) => this.#forget(key),
      onTrusted: () => {
        for (const cache of this.#caches.values()) cache.forgetAll();
      },
    });
  }

  async connect(): Promise<void> {
    await this.#link.connect(firstConnectMs);
    if (this.#link.trusted) return;
    this.#settings.logger.warn(
      { reason: this.#link.reason },
      "Redis is not available: the cache answers from memory alone until it is",
    );
  }

  async check(timeoutMs: number): Promise<Health> {
    const started = performance.now();
    try {
      await withDeadline(this.#link.ping(), {
        ms: timeoutMs,
        code: "SERVICE_UNAVAILABLE",
        message: `no answer within ${timeoutMs} ms`,
      });
      const ok = this.#link.trusted;
      const detail = ok ? "Redis behind memory" : "from memory alone; Redis is back and about to be used";
      return { ok, latencyMs: performance.now() - started, detail };
    } catch (error) {
      const reason = this.#link.trusted ? messageOf(error) : this.#link.reason;
      const detail = `from memory alone; Redis: ${reason}`;
      return { ok: false, latencyMs: performance.now() - started, detail };
    }
  }

  forPlugin({ name }: PluginIdentity): Promise<Facade> {
    let cache = this.#caches.get(name);
    if (cache === undefined) {
      cache = new PluginCache({
        plugin: name,
        ...this.#settings,
        remote: new RedisTier(this.#link, {
          start: this.#startOf(name),
          maxBytes: this.#settings.maxRedisBytes,
        }),
      });
      this.#caches.set(name, cache);
    }
    return Promise.resolve(cacheFacade(cache, { maxValueBytes: this.#settings.maxValueBytes, maxWaitMs }));
  }

  async removePlugin(name: string): Promise<void> {
    this.#caches.get(name)?.forgetAll();
    this.#caches.delete(name);
    await this.#link.clear(this.#startOf(name));
  }

  /** Other processes may hold entries in memory for a while; nothing asks for them any more. */
  async removeTenant(tenant: string): Promise<void> {
    for (const cache of this.#caches.values()) cache.forgetTenant(tenant);
    const start = `${tenantStart(tenant)}:`;
    const marks = `${tagMark}${start}`;
    await this.#link.clear(this.#startOf("").slice(0, -1), (rest) => {
      const key = rest.slice(rest.indexOf(":") + 1);
      return key.startsWith(start) || key.startsWith(marks);
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#link.close();
    this.#caches.clear();
    return Promise.resolve();
  }

  #startOf(plugin: string): string {
    return `${this.#settings.prefix}:cache:${plugin}:`;
  }

  #forget(key: string): void {
    const rest = key.slice(this.#startOf("").length - 1);
    const colon = rest.indexOf(":");
    this.#caches.get(rest.slice(0, colon))?.forget(rest.slice(colon + 1));
  }
}
