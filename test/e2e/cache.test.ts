// ctx.cache from inside a real isolate, the same on every provider: what many ask for at once is made once, and tags clear it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { testRedis, type TestRedis } from "../support/services.ts";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const files = pluginFiles(
  "figures",
  `let made = 0;
export default definePlugin({ routes: {
  "GET /slow": async (request, { cache }) => cache.getOrSet("slow", async () => {
    made += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { made };
  }, { tags: ["figures"] }),
  "POST /clear": async (request, { cache }) => { await cache.deleteByTag("figures"); },
} });`,
  "permissions: { cache: true }\n",
);

for (const driver of ["memory", "redis"] as const) {
  describe(`a plugin's cache on driver ${driver}`, () => {
    let redis: TestRedis | undefined;
    let workspace: TestWorkspace;
    let server: TestCore;
    before(async () => {
      redis = driver === "redis" ? await testRedis() : undefined;
      const url = redis === undefined ? "" : `, url: "${redis.url}"`;
      workspace = await testWorkspace({
        ...files,
        "integration.yaml": `name: cached\nserver: { port: 0, drain: 300ms }\nservices: { cache: { driver: ${driver}${url} } }\n`,
      });
      server = await openTestCore(workspace);
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
      await workspace?.[Symbol.asyncDispose]();
      await redis?.[Symbol.asyncDispose]();
    });

    test("fifty who ask at once wait for one that makes the value, and a cleared tag has it made anew", async () => {
      const ask = async (): Promise<unknown> => (await server.get("/app/figures/slow")).json();
      const first = await Promise.all(Array.from({ length: 50 }, ask));
      assert.deepEqual(new Set(first.map((value) => JSON.stringify(value))), new Set(['{"made":1}']));
      assert.deepEqual(await ask(), { made: 1 });
      await server.get("/app/figures/clear", { method: "POST" });
      assert.deepEqual(await ask(), { made: 2 });
    });
  });
}
