// What every service that uses Redis has in common: how it is told where, and how its connections are made.
import { Type } from "typebox";

/** The option `url`. */
export const redisUrl = Type.String({
  pattern: "^rediss?://.+",
  default: "redis://127.0.0.1:6379",
  examples: ["redis://127.0.0.1:6379"],
});

/** The option `prefix`: servers with the same one are one to Redis. */
export const redisPrefix = Type.String({
  pattern: "^[a-zA-Z0-9_-]{1,64}$",
  default: "xcore",
  examples: ["shop"],
});

/** For ioredis. A command on a broken connection fails at once; the connection is made anew by itself, within a second at most. */
export const redisConnection = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  connectTimeout: 2000,
  retryStrategy: (times: number) => Math.min(50 * 2 ** times, 1000),
} as const;
