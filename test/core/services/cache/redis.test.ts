// Cache in a real Redis behind memory: the same as memory alone, shared between nodes, and unharmed when Redis is away.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import { redisCache } from "../../../../src/core/services/cache/redis.ts";
import type { Service } from "../../../../src/core/services/service.ts";
import { cacheConformance, viewOf } from "../../../conformance/cache.ts";
import { freePort, openProvider, testRedis, until, type TestRedis } from "../../../support/services.ts";
import { undisturbed, unstalledMs } from "../../../support/steady.ts";
import { keptLog } from "../../../support/workspace.ts";

let redis: TestRedis;
before(async () => {
  redis = await testRedis();
});
after(() => redis[Symbol.asyncDispose]());

const logger = keptLog();
const open = (options: Record<string, unknown> = {}): Promise<Service> =>
  openProvider(redisCache, { logger, options: { url: redis.url, ...options } });
/** How often a Redis that was slower than a cache may be was done without. */
const away = (): number =>
  logger.lines.filter(({ message }) => message.startsWith("Redis is not available")).length;

cacheConformance("redis behind memory", open, away);

// Memory that holds no entry at all: whatever is got was in Redis.
cacheConformance("redis alone", (options = {}) => open({ prefix: "alone", size: "1b", ...options }), away);

let plays = 0;
/** A test whose scene is played again when Redis was slow in it, each time with a prefix of its own. */
const holds = (sentence: string, scene: (prefix: string) => Promise<void>): void =>
  void test(sentence, () => {
    let before = 0;
    return undisturbed(
      () => {
        before = away();
        return scene(`play${(plays += 1)}`);
      },
      { disturbed: () => away() > before },
    );
  });

const isOk = (cache: Service) => async (): Promise<boolean> => (await cache.check(1000)).ok;
const miss = { hit: false };

/** What is promised. Time in which this process did not get to run is not counted, and a scene it broke is played again. */
const waitMs = 250;

async function slowestOf(calls: number, call: (number: number) => Promise<unknown>): Promise<number> {
  let slowest = 0;
  for (let number = 0; number < calls; number += 1) {
    slowest = Math.max(slowest, await unstalledMs(() => call(number)));
  }
  return slowest;
}

describe("cache: redis between nodes", () => {
  let one: Service;
  let two: Service;
  before(async () => {
    [one, two] = await Promise.all([open({ prefix: "nodes" }), open({ prefix: "nodes" })]);
  });
  after(() => Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()]));

  holds("a value set on one node is got on another, and a change or removal is seen there", async () => {
    await Promise.all([one, two].map((node) => until(isOk(node))));
    const [here, there] = [await viewOf(one, "notes"), await viewOf(two, "notes")];
    await here.set("k", 1, { tags: ["t"] });
    assert.deepEqual(await there.get("k"), { hit: true, value: 1 });
    await here.set("k", 2, { tags: ["t"] });
    await until(async () => ((await there.get("k")) as { value?: unknown }).value === 2);
    await there.delete({ tags: ["t"] });
    await until(async () => ((await here.get("k")) as { hit: boolean }).hit === false);
    await here.set("d", 1);
    assert.deepEqual(await there.get("d"), { hit: true, value: 1 });
    await here.delete({ keys: ["d"] });
    await until(async () => ((await there.get("d")) as { hit: boolean }).hit === false);
  });

  holds("servers with another prefix share nothing", async (prefix) => {
    await using other = await open({ prefix });
    await (await viewOf(one, "notes")).set("mine", 1);
    assert.deepEqual(await (await viewOf(other, "notes")).get("mine"), miss);
  });
});

describe("cache: room in Redis", () => {
  const keysOf = async (prefix: string, plugin: string): Promise<string[]> => {
    const client = new Redis(redis.url);
    try {
      return (await client.keys(`${prefix}:cache:${plugin}:*`)).sort();
    } finally {
      client.disconnect();
    }
  };

  holds(
    "a plugin that fills its room pushes out its own values, those first that expire soonest",
    async (prefix) => {
      await using cache = await open({ prefix, size: "1b", redisSize: "64kb", maxValue: "16kb" });
      const [greedy, modest] = [await viewOf(cache, "greedy"), await viewOf(cache, "modest")];
      await modest.set("k", "here");
      await greedy.set("soon", "x".repeat(10_000), { ttlMs: 60_000 });
      await greedy.set("tagged", "x", { ttlMs: 120_000, tags: ["t"] });
      await greedy.delete({ tags: ["t"] });
      for (let n = 0; n < 50; n += 1)
        await greedy.set(`k${n}`, "x".repeat(10_000), { ttlMs: 3_600_000 + n * 1000 });
      assert.deepEqual(await modest.get("k"), { hit: true, value: "here" });
      for (const key of ["soon", "tagged", "k0", "k30"]) assert.deepEqual(await greedy.get(key), miss);
      assert.deepEqual(await greedy.get("k49"), { hit: true, value: "x".repeat(10_000) });
      const kept = await keysOf(prefix, "greedy");
      assert.ok(
        kept.some((key) => key.includes("___bc:t:")),
        "the mark of a deleted tag has gone",
      );
      assert.ok(kept.length <= 9, kept.join(" "));
      await cache.removePlugin?.("greedy");
      assert.deepEqual(await keysOf(prefix, "greedy"), []);
    },
  );

  holds(
    "what is deleted or has expired makes room, and what is written again is counted once",
    async (prefix) => {
      await using cache = await open({ prefix, size: "1b", redisSize: "32kb", maxValue: "16kb" });
      const notes = await viewOf(cache, "notes");
      for (let n = 0; n < 40; n += 1) await notes.set("same", "x".repeat(10_000));
      await notes.set("other", "y".repeat(10_000));
      assert.deepEqual(await notes.get("same"), { hit: true, value: "x".repeat(10_000) });
      await notes.delete({ keys: ["same"] });
      await notes.set("short", "z".repeat(8000), { ttlMs: 30 });
      await until(async () => ((await notes.get("short")) as { hit: boolean }).hit === false);
      await notes.set("third", "w".repeat(10_000));
      for (const key of ["other", "third"])
        assert.equal(((await notes.get(key)) as { hit: boolean }).hit, true, key);
    },
  );
});

describe("cache: redis away", () => {
  test("a server starts without Redis, answers from memory and says so", async () => {
    await using cache = await open({ url: `redis://127.0.0.1:${await freePort()}` });
    const notes = await viewOf(cache, "notes");
    await notes.set("k", 1);
    assert.deepEqual(await notes.get("k"), { hit: true, value: 1 });
    const health = await cache.check(60_000);
    assert.equal(health.ok, false);
    assert.match(health.detail, /from memory alone.*ECONNREFUSED/);
  });

  test("the reason that is told is why there is no connection, with the place to look at and without the password", async () => {
    const port = await freePort();
    const detailOf = async (url: string): Promise<string> => {
      await using cache = await openProvider(redisCache, { name: "cache", options: { url } });
      let detail = "";
      await until(async () => {
        ({ detail } = await cache.check(1000));
        return !detail.includes("not connected yet");
      });
      return detail;
    };
    assert.match(
      await detailOf(`redis://:sesame@127.0.0.1:${port}`),
      new RegExp(`Redis: nobody listens at 127\\.0\\.0\\.1:${port} .*check services\\.cache\\.url`),
    );
    const client = new Redis(redis.url);
    try {
      await client.config("SET", "requirepass", "hush");
      assert.match(await detailOf(redis.url), /wants a password; write it into services\.cache\.url/);
      const wrong = await detailOf(redis.url.replace("//", "//:sesame@"));
      assert.match(wrong, /refuses user or password; check services\.cache\.url/);
      assert.ok(!wrong.includes("sesame"));
    } finally {
      await client.config("SET", "requirepass", "");
      client.disconnect();
    }
  });

  test("when Redis dies values stay in memory, and what was deleted meanwhile stays deleted after its return", () =>
    undisturbed(async () => {
      await using cache = await open({ prefix: `dies${(plays += 1)}` });
      const notes = await viewOf(cache, "notes");
      await notes.set("kept", 1);
      await notes.set("deleted", 1);
      await redis.stop();
      assert.deepEqual(await notes.get("kept"), { hit: true, value: 1 });
      assert.ok((await slowestOf(20, (number) => notes.set(`n${number}`, number))) < waitMs);
      assert.deepEqual(await notes.get("n3"), { hit: true, value: 3 });
      assert.equal((await cache.check(500)).ok, false);
      await redis.start();
      await until(isOk(cache));
      await notes.set("after", 1);
      assert.deepEqual(await notes.get("after"), { hit: true, value: 1 });
    }));

  test("no call waits longer than 250 ms on a Redis that hangs, and its stale values are gone when it wakes", () =>
    undisturbed(async () => {
      await using cache = await open({ prefix: `hangs${(plays += 1)}` });
      const notes = await viewOf(cache, "notes");
      await until(isOk(cache));
      await notes.set("stale", "old", { tags: ["t"] });
      await notes.set("tagged", "old", { tags: ["t"] });
      process.kill(redis.pid, "SIGSTOP");
      try {
        const slowest = Math.max(
          await slowestOf(1, () => notes.delete({ keys: ["stale"] })),
          await slowestOf(1, () => notes.delete({ tags: ["t"] })),
          await slowestOf(20, (number) => notes.get(`unknown${number}`)),
          await slowestOf(20, (number) => notes.set(`n${number}`, number)),
        );
        assert.ok(slowest < waitMs, `${slowest} ms`);
      } finally {
        process.kill(redis.pid, "SIGCONT");
      }
      await until(isOk(cache));
      assert.deepEqual(await notes.get("stale"), miss);
      assert.deepEqual(await notes.get("tagged"), miss);
    }));

  test("the first call that Redis leaves waiting ends the wait of all others", async () => {
    await using cache = await open({ prefix: "together" });
    const notes = await viewOf(cache, "notes");
    await notes.set("k", 1);
    process.kill(redis.pid, "SIGSTOP");
    try {
      const first = notes.get("unknown");
      await new Promise((resolve) => setTimeout(resolve, 75));
      let settled = false;
      const second = notes.get("other").then((answer) => {
        settled = true;
        return answer;
      });
      assert.deepEqual(await first, miss);
      for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
      assert.ok(settled, "the second call waits on");
      assert.deepEqual(await second, miss);
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    await until(isOk(cache));
  });
});
