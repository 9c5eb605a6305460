// Events by a real Redis: on one node as in memory, between nodes, and without it.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { EventsService } from "../../../../src/core/services/events/events.ts";
import { redisEvents } from "../../../../src/core/services/events/redis.ts";
import { eventsConformance } from "../../../conformance/events.ts";
import { eventsBetweenNodes } from "../../../conformance/events-between-nodes.ts";
import { openFaultProxy } from "../../../support/fault-proxy.ts";
import { freePort, openProvider, testRedis, until, type TestRedis } from "../../../support/services.ts";

let redis: TestRedis;
let opened = 0;
before(async () => {
  redis = await testRedis();
});
after(() => redis[Symbol.asyncDispose]());

const open = async (options: Record<string, unknown>): Promise<EventsService> =>
  (await openProvider(redisEvents, { options: { url: redis.url, ...options } })) as EventsService;

eventsConformance("redis", (options = {}) => {
  opened += 1;
  return open({ prefix: `alone${opened}`, ...options });
});

eventsBetweenNodes("Redis", async () => {
  const proxy = await openFaultProxy({ port: Number(new URL(redis.url).port) });
  return {
    proxy,
    open: () => open({ url: `redis://127.0.0.1:${proxy.port}` }),
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
});

test("servers with another prefix hear nothing", async () => {
  await using mine = await open({ prefix: "mine" });
  await using twin = await open({ prefix: "mine" });
  await using other = await open({ prefix: "other" });
  const seen: string[] = [];
  twin.subscribe("twin", ["*"], async () => void seen.push("twin"));
  other.subscribe("other", ["*"], async () => void seen.push("other"));
  for (const each of [mine, twin, other]) await until(async () => (await each.check(5000)).ok);
  await mine.publish({ source: "x", name: "a.b", payload: null });
  await until(() => seen.length === 1);
  await other.check(60_000);
  assert.deepEqual(seen, ["twin"]);
});

test("a Redis that is not there at the start is no reason not to start, and is found later", async () => {
  const port = await freePort();
  await using events = await open({ url: `redis://127.0.0.1:${port}` });
  const { ok, detail } = await events.check(200);
  assert.equal(ok, false);
  assert.match(detail, /events stay on this node; Redis: .*ECONNREFUSED/);
});
