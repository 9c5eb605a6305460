// What a plugin sees of the cache: get, set and delete on keys of its own, within sizes.
import { XcoreError } from "../../base/error.ts";
import { Arguments } from "../arguments.ts";
import type { Facade, Reply } from "../service.ts";
import type { PluginCache } from "./plugin-cache.ts";

export interface FacadeLimits {
  maxValueBytes: number;
  /** The longest any single call waits for the tier behind the memory; then it goes on without. */
  maxWaitMs: number;
}

const maxKeyBytes = 512;
const maxTagBytes = 128;
const maxTags = 16;
const maxDeletes = 1000;
const maxTtlMs = 366 * 86_400_000;

export function cacheFacade(cache: PluginCache, { maxValueBytes, maxWaitMs }: FacadeLimits): Facade {
  return {
    calls: {
      "cache.get": async (args, { origin }) => {
        const key = new Arguments("cache.get", args).text("key", maxKeyBytes);
        const value = await inTime(cache.of(origin?.tenant).get(key), maxWaitMs);
        return (value === undefined ? { hit: false } : { hit: true, value }) satisfies Reply<"cache.get">;
      },
      "cache.set": async (args, { origin }) => {
        const fields = new Arguments("cache.set", args);
        const key = fields.text("key", maxKeyBytes);
        const { value } = fields.json("value", maxValueBytes);
        const ttlMs = fields.optionalInteger("ttlMs", 1, maxTtlMs);
        const tags = fields.optionalTexts("tags", maxTagBytes, maxTags);
        await inTime(cache.of(origin?.tenant).set(key, value, { ttlMs, tags }), maxWaitMs);
        return null satisfies Reply<"cache.set">;
      },
      "cache.delete": async (args, { origin }) => {
        const fields = new Arguments("cache.delete", args);
        const keys = fields.optionalTexts("keys", maxKeyBytes, maxDeletes);
        const tags = fields.optionalTexts("tags", maxTagBytes, maxTags);
        if (keys.length + tags.length === 0) {
          throw new XcoreError(
            "INPUT_INVALID",
            "cache.delete: neither 'keys' nor 'tags' says what to delete",
          );
        }
        await inTime(cache.of(origin?.tenant).delete(keys, tags), maxWaitMs);
        return null satisfies Reply<"cache.delete">;
      },
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Settles as `work` does, or resolves without a value after `ms`: a cache that is slow is a cache that has nothing. An answer that is
 * there by then counts, also where this process stood still meanwhile and comes to read it only now.
 */
async function inTime<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => setImmediate(resolve, undefined), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
    work.catch(() => undefined);
  }
}
