// A plugin's part of Redis as the tier behind its memory: Bentocache's driver interface over the link.
import type { L2CacheDriver } from "bentocache/types";
import type { Redis } from "ioredis";
import type { RedisLink } from "./redis-link.ts";

/** How Bentocache begins the key of a tag's mark. */
export const tagMark = "___bc:t:";

export class RedisTier implements L2CacheDriver {
  readonly type = "l2" as const;
  readonly #link: RedisLink;
  readonly #start: string;

  /** `start` is what every key of this tier begins with. */
  constructor(link: RedisLink, start: string) {
    this.#link = link;
    this.#start = start;
  }

  namespace(namespace: string): RedisTier {
    return new RedisTier(this.#link, `${this.#start}${namespace}:`);
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#link.read((redis) => redis.get(this.#start + key))) ?? undefined;
  }

  async pull(key: string): Promise<string | undefined> {
    const value = await this.get(key);
    await this.delete(key);
    return value;
  }

  async set(key: string, value: string, ttlMs?: number): Promise<boolean> {
    const full = this.#start + key;
    const write = (redis: Redis): Promise<unknown> =>
      ttlMs === undefined ? redis.set(full, value) : redis.set(full, value, "PX", Math.ceil(ttlMs));
    // A tag's mark says since when its entries are invalid: it must get there, however late.
    await (key.startsWith(tagMark)
      ? this.#link.write([full], write, write)
      : this.#link.write([full], write));
    return true;
  }

  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key]);
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    if (keys.length === 0) return true;
    const full = keys.map((key) => this.#start + key);
    await this.#link.write(full, (redis) => redis.unlink(...full));
    return true;
  }

  async clear(): Promise<void> {
    await this.#link.clear(this.#start);
  }

  disconnect(): Promise<void> {
    return Promise.resolve();
  }
}
