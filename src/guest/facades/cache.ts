// ctx.cache: the plugin's own keys in the server's cache.
import type { Json } from "../../wire/json.ts";
import type { Cache, CacheOptions } from "../plugin-api.ts";
import { textOf } from "../errors.ts";
import type { Ask } from "./facade.ts";

/** At most one factory runs for a key among those that share `making`. */
export function cacheFacade(ask: Ask, making: Map<string, Promise<unknown>>): Cache {
  const set = async (key: string, value: unknown, options: CacheOptions = {}): Promise<void> => {
    const { ttlMs, tags } = options;
    await ask("cache.set", {
      key,
      value: value as Json,
      ...(ttlMs === undefined ? {} : { ttlMs }),
      ...(tags === undefined ? {} : { tags }),
    });
  };
  const get = async (key: string): Promise<unknown> => {
    const reply = await ask("cache.get", { key });
    return reply.hit ? reply.value : undefined;
  };
  const make = async (
    key: string,
    factory: () => unknown,
    options: CacheOptions | undefined,
  ): Promise<unknown> => {
    const known = await get(key);
    if (known !== undefined) return known;
    const value = await factory();
    await set(key, value, options);
    return value;
  };
  return {
    get: get as Cache["get"],
    set,
    async delete(...keys: string[]): Promise<void> {
      await ask("cache.delete", { keys });
    },
    async deleteByTag(...tags: string[]): Promise<void> {
      await ask("cache.delete", { tags });
    },
    async getOrSet<Value>(
      key: string,
      factory: () => Value | Promise<Value>,
      options?: CacheOptions,
    ): Promise<Value> {
      const others = making.get(key);
      if (others !== undefined) {
        try {
          return (await others) as Value;
        } catch (error) {
          // Only the call that was making it is over; this one makes it anew.
          if (textOf(error, "code") !== "CALL_CANCELLED") throw error;
        }
      }
      const made = make(key, factory, options).finally(() => making.delete(key));
      making.set(key, made);
      return made as Promise<Value>;
    },
  };
}
