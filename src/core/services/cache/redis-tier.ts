// A plugin's part of Redis as the tier behind its memory: Bentocache's driver interface over the link.
import type { L2CacheDriver } from "bentocache/types";
import type { Redis } from "ioredis";
import type { RedisLink } from "./redis-link.ts";
import { dropFrom, setWithin, type Account } from "./redis-quota.ts";

/** How Bentocache begins the key of a tag's mark. */
export const tagMark = "___bc:t:";

export class RedisTier implements L2CacheDriver {
  readonly type = "l2" as const;
  readonly #link: RedisLink;
  readonly #account: Account;
  readonly #start: string;

  /** `start` is what every key of this tier begins with; by default all that its account speaks of. */
  constructor(link: RedisLink, account: Account, start = account.start) {
    this.#link = link;
    this.#account = account;
    this.#start = start;
  }

  namespace(namespace: string): RedisTier {
    return new RedisTier(this.#link, this.#account, `${this.#start}${namespace}:`);
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
    const mark = key.startsWith(tagMark);
    const write = (redis: Redis): Promise<unknown> =>
      setWithin(redis, this.#account, { key: full, value, ttlMs, mark });
    // A tag's mark says since when its entries are invalid: it must get there, however late.
    await (mark ? this.#link.write([full], write, write) : this.#link.write([full], write));
    return true;
  }

  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key]);
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    if (keys.length === 0) return true;
    const full = keys.map((key) => this.#start + key);
    await this.#link.write(full, (redis) => dropFrom(redis, this.#account, full));
    return true;
  }

  async clear(): Promise<void> {
    await this.#link.clear(this.#start);
  }

  disconnect(): Promise<void> {
    return Promise.resolve();
  }
}
