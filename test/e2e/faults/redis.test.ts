// A real server in use while its Redis is absent, goes away, is slow and does not answer. The cache is no reason for a request to fail or to wait.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openFaultedServer, type FaultedServer } from "../../support/faulted-server.ts";
import { assertSurvived } from "../../support/survived.ts";
import { until } from "../../support/workspace.ts";

describe("a Redis in trouble", () => {
  let place: FaultedServer;
  before(async () => {
    place = await openFaultedServer({ prepare: ({ cache }) => cache.set({ kind: "refuse" }) });
  });
  after(() => place[Symbol.asyncDispose]());

  test("absent at the start: the server answers, says so in /readyz, and finds it when it comes", async () => {
    const status = async (path: string): Promise<number> => (await place.server.get(path)).status;
    assert.equal(await status("/livez"), 200);
    assert.equal(await status("/readyz"), 503);
    assert.equal(await status("/app/good/cached/0"), 200);
    await place.cacheLine.set({ kind: "pass" });
    await until(
      () => status("/readyz"),
      (answer) => answer === 200,
    );
  });

  test("gone in the middle", async (t) => {
    const seen = await place.suffer(t, "Redis gone", async () => {
      await place.redis.stop();
      await pause(1000);
      await place.unready();
      await place.redis.start();
    });
    assertSurvived(seen, { cache: true });
  });

  test("slow by 500 ms", async (t) => {
    const seen = await place.suffer(t, "Redis slow by 500 ms each way", async () => {
      await place.cacheLine.set({ kind: "latency", ms: 500 });
      await pause(1000);
      await place.unready();
      await place.cacheLine.set({ kind: "pass" });
    });
    assertSurvived(seen, { cache: true });
  });
});
