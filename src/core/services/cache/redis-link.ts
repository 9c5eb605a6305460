// The connection to Redis and whether to trust it: a Redis that fails or is slow is left alone until a probe answers,
// and what could not be written meanwhile is made good there before it is trusted again.
import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import { XcoreError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { redisConnection } from "../redis-connection.ts";
import type { RedisFaults } from "../redis-faults.ts";
import { AwaitedAnswers } from "./answers.ts";
import { defineQuota } from "./redis-quota.ts";

export interface RedisLinkOptions {
  url: string;
  /** Namespace of everything it writes; servers that share it share their caches. */
  prefix: string;
  logger: Logger;
  faults: RedisFaults;
  /** Another node has changed this entry. */
  onForeignChange: (key: string) => void;
  /** Messages may have been lost: forget what is held in front. */
  onTrusted: () => void;
}

/** Puts right in Redis what could not be written. */
type Repair = (redis: Redis) => Promise<unknown>;

/**
 * The longest a plugin's call waits; a request makes two at most, and the second finds that Redis is not trusted. With 100 ms a busy
 * machine's Redis was found away, and the server not ready, time and again.
 */
const answerMs = 150;
/** Of what no request waits for: repairs and the removal of a plugin. */
const commandTimeoutMs = 400;
const probeEveryMs = 500;
/** So often a connection may fail to answer before it is made anew: its other end may be gone without a word. */
const unansweredProbes = 3;
const maxUnwritten = 10_000;

export class RedisLink {
  readonly #options: RedisLinkOptions;
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  readonly #node = randomUUID();
  readonly #channel: string;
  readonly #answers = new AwaitedAnswers();
  readonly #unwritten = new Map<string, Repair>();
  #overflowed = false;
  #trusted = false;
  #wasTrusted = false;
  #probing = false;
  #unanswered = 0;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #reason = "not connected yet";
  readonly #firstTrust = Promise.withResolvers<void>();
  readonly #firstHearing = Promise.withResolvers<void>();

  constructor(options: RedisLinkOptions) {
    this.#options = options;
    this.#channel = `${options.prefix}:changes`;
    this.#redis = new Redis(options.url, { ...redisConnection, commandTimeout: commandTimeoutMs });
    defineQuota(this.#redis);
    this.#subscriber = new Redis(options.url, { ...redisConnection, autoResubscribe: false });
    this.#redis.on("error", (error) => this.#distrust(this.#reasonOf(error)));
    this.#redis.on("close", () => this.#distrust(this.#trusted ? "the connection was closed" : this.#reason));
    this.#redis.on("ready", () => void this.#probe());
    this.#subscriber.on("error", () => undefined);
    this.#subscriber.on("ready", () => void this.#subscribe());
    this.#subscriber.on("message", (_channel: string, message: string) => this.#onMessage(message));
  }

  get trusted(): boolean {
    return this.#trusted;
  }

  /** Why it is not trusted. */
  get reason(): string {
    return this.#reason;
  }

  /** Begins to connect; resolves when that has worked or after `waitMs`, since a cache is no reason not to start. */
  async connect(waitMs: number): Promise<void> {
    this.#redis.connect().catch(() => undefined);
    this.#subscriber.connect().catch(() => undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, waitMs);
    await Promise.race([Promise.all([this.#firstTrust.promise, this.#firstHearing.promise]), promise]);
    clearTimeout(timer);
  }

  /** One command, and its answer in time. */
  read<T>(operation: (redis: Redis) => Promise<T>): Promise<T> {
    return this.#trusting((redis) => this.#answers.within(operation(redis), answerMs));
  }

  async #trusting<T>(operation: (redis: Redis) => Promise<T>): Promise<T> {
    if (!this.#trusted) throw this.#away();
    try {
      return await operation(this.#redis);
    } catch (error) {
      this.#distrust(this.#reasonOf(error));
      throw this.#away();
    }
  }

  /**
   * Runs the write and tells the other nodes. Keys are full ones. One that fails is remembered, and once Redis is back
   * `repair` is run for each key; by default it deletes the key, since what stands there is old.
   */
  async write(
    keys: readonly string[],
    operation: (redis: Redis) => Promise<unknown>,
    repair?: Repair,
  ): Promise<void> {
    try {
      await this.read(operation);
      this.#redis
        .publish(this.#channel, JSON.stringify([this.#node, ...keys]))
        .catch((error: unknown) => this.#distrust(this.#reasonOf(error)));
    } catch (error) {
      for (const key of keys) {
        if (this.#unwritten.size < maxUnwritten) {
          this.#unwritten.set(key, repair ?? ((redis) => redis.unlink(key)));
        } else this.#overflowed = true;
      }
      throw error;
    }
  }

  /** Deletes every key that begins with `start`, or those of them whose rest is chosen by `which`. */
  async clear(start: string, which?: (rest: string) => boolean): Promise<void> {
    await this.#trusting((redis) => unlinkAll(redis, start, which));
  }

  async ping(): Promise<void> {
    await this.#answers.within(this.#redis.ping(), answerMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#redis.disconnect();
    this.#subscriber.disconnect();
  }

  #away(): XcoreError {
    return new XcoreError("SERVICE_UNAVAILABLE", `Redis is not available: ${this.#reason}`);
  }

  #reasonOf(error: unknown): string {
    return this.#options.faults(error) ?? this.#reason;
  }

  #distrust(reason: string): void {
    this.#reason = reason;
    if (this.#closed) return;
    if (this.#trusted) {
      this.#options.logger.warn(
        { reason: this.#reason },
        "Redis is not available: the cache answers from memory alone",
      );
    }
    this.#trusted = false;
    this.#answers.giveUp(this.#reason);
    this.#probeLater();
  }

  #probeLater(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#probe(), probeEveryMs);
    this.#timer.unref();
  }

  async #probe(): Promise<void> {
    if (this.#closed || this.#trusted || this.#probing) return;
    this.#probing = true;
    try {
      await this.ping();
      this.#unanswered = 0;
      while (this.#overflowed || this.#unwritten.size > 0) await this.#repair();
      // A connection that hears nothing looks like one with nothing to hear: after an outage it is made anew.
      if (this.#wasTrusted) this.#subscriber.disconnect(true);
      this.#options.onTrusted();
      this.#trusted = true;
      this.#wasTrusted = true;
      this.#firstTrust.resolve();
      this.#options.logger.info({}, "Redis is available");
    } catch (error) {
      this.#reason = this.#reasonOf(error);
      this.#unanswered += 1;
      if (this.#unanswered % unansweredProbes === 0 && this.#redis.status === "ready")
        this.#redis.disconnect(true);
      this.#probeLater();
    } finally {
      this.#probing = false;
    }
  }

  async #repair(): Promise<void> {
    if (this.#overflowed) {
      await unlinkAll(this.#redis, `${this.#options.prefix}:`);
      this.#overflowed = false;
      this.#unwritten.clear();
    }
    const entries = [...this.#unwritten];
    if (entries.length === 0) return;
    await Promise.all(entries.map(([, repair]) => repair(this.#redis)));
    await this.#redis.publish(this.#channel, JSON.stringify([this.#node, ...entries.map(([key]) => key)]));
    for (const [key, repair] of entries) {
      if (this.#unwritten.get(key) === repair) this.#unwritten.delete(key);
    }
  }

  async #subscribe(): Promise<void> {
    if (this.#subscriber.status !== "ready") return;
    await this.#subscriber.subscribe(this.#channel).catch(() => undefined);
    this.#options.onTrusted();
    this.#firstHearing.resolve();
  }

  #onMessage(message: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(message);
    } catch {
      return;
    }
    if (!Array.isArray(parsed) || parsed[0] === this.#node) return;
    for (const key of parsed.slice(1)) if (typeof key === "string") this.#options.onForeignChange(key);
  }
}

async function unlinkAll(
  redis: Redis,
  start: string,
  which: (rest: string) => boolean = () => true,
): Promise<void> {
  const pattern = `${start.replaceAll(/[\\*?[\]]/g, String.raw`\$&`)}*`;
  let cursor = "0";
  do {
    const [next, keys] = await redis.scan(cursor, "MATCH", pattern, "COUNT", 1000);
    const chosen = keys.filter((key) => which(key.slice(start.length)));
    if (chosen.length > 0) await redis.unlink(...chosen);
    cursor = next;
  } while (cursor !== "0");
}
