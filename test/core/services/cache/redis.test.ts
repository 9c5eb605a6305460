// Cache in a real Redis behind memory: the same as memory alone, shared between nodes, and unharmed when Redis is away.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { redisCache } from "../../../../src/core/services/cache/redis.ts";
import type { Service } from "../../../../src/core/services/service.ts";
import { cacheConformance, viewOf } from "../../../conformance/cache.ts";
import { freePort, openProvider, testRedis, until, type TestRedis } from "../../../support/services.ts";

let redis: TestRedis;
before(async () => {
  redis = await testRedis();
});
after(() => redis[Symbol.asyncDispose]());

const open = (options: Record<string, unknown> = {}): Promise<Service> =>
  openProvider(redisCache, { options: { url: redis.url, ...options } });

cacheConformance("redis", open);

const isOk = (cache: Service) => async (): Promise<boolean> => (await cache.check(1000)).ok;
const miss = { hit: false };

async function slowestOf(calls: number, call: (number: number) => Promise<unknown>): Promise<number> {
  let slowest = 0;
  for (let number = 0; number < calls; number += 1) {
    const started = performance.now();
    await call(number);
    slowest = Math.max(slowest, performance.now() - started);
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

  test("a value set on one node is got on another, and a change or removal is seen there", async () => {
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

  test("servers with another prefix share nothing", async () => {
    await using other = await open({ prefix: "other" });
    await (await viewOf(one, "notes")).set("mine", 1);
    assert.deepEqual(await (await viewOf(other, "notes")).get("mine"), miss);
  });
});

describe("cache: redis away", () => {
  test("a server starts without Redis, answers from memory and says so", async () => {
    await using cache = await open({ url: `redis://127.0.0.1:${await freePort()}` });
    const notes = await viewOf(cache, "notes");
    await notes.set("k", 1);
    assert.deepEqual(await notes.get("k"), { hit: true, value: 1 });
    const health = await cache.check(1000);
    assert.equal(health.ok, false);
    assert.match(health.detail, /from memory alone.*ECONNREFUSED/);
  });

  test("when Redis dies values stay in memory, and what was deleted meanwhile stays deleted after its return", async () => {
    await using cache = await open({ prefix: "dies" });
    const notes = await viewOf(cache, "notes");
    await notes.set("kept", 1);
    await notes.set("deleted", 1);
    await redis.stop();
    assert.deepEqual(await notes.get("kept"), { hit: true, value: 1 });
    assert.ok((await slowestOf(20, (number) => notes.set(`n${number}`, number))) < 250);
    assert.deepEqual(await notes.get("n3"), { hit: true, value: 3 });
    assert.equal((await cache.check(500)).ok, false);
    await redis.start();
    await until(isOk(cache));
    await notes.set("after", 1);
    assert.deepEqual(await notes.get("after"), { hit: true, value: 1 });
  });

  test("no call waits longer than 250 ms on a Redis that hangs, and its stale values are gone when it wakes", async () => {
    await using cache = await open({ prefix: "hangs" });
    const notes = await viewOf(cache, "notes");
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
      assert.ok(slowest < 250, `${slowest} ms`);
    } finally {
      process.kill(redis.pid, "SIGCONT");
    }
    await until(isOk(cache));
    assert.deepEqual(await notes.get("stale"), miss);
    assert.deepEqual(await notes.get("tagged"), miss);
  });
});
