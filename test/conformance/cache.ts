// What every cache provider must do, whatever is behind it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { CallTenant } from "../../src/core/base/tenant.ts";
import type { Service } from "../../src/core/services/service.ts";
import { hostCall, identity, testTenant, until } from "../support/services.ts";
import { undisturbed } from "../support/steady.ts";

export interface PluginView {
  get(key: unknown): Promise<unknown>;
  set(key: unknown, value: unknown, more?: Record<string, unknown>): Promise<unknown>;
  delete(args: Record<string, unknown>): Promise<unknown>;
}

/** The cache as one plugin sees it, in calls of this tenant. */
export async function viewOf(cache: Service, plugin: string, tenant?: CallTenant): Promise<PluginView> {
  const facade = await cache.forPlugin(identity(plugin, { cache: true }));
  return {
    get: (key) => hostCall(facade, "cache.get", { key }, { tenant }),
    set: (key, value, more = {}) => hostCall(facade, "cache.set", { key, value, ...more }, { tenant }),
    delete: (args) => hostCall(facade, "cache.delete", args, { tenant }),
  };
}

const miss = { hit: false };

/** `away`: how often it did without what is behind it, which did not answer in time. What failed then says nothing. */
export function cacheConformance(
  name: string,
  open: (options?: Record<string, unknown>) => Promise<Service>,
  away: () => number = () => 0,
): void {
  describe(`cache: ${name}`, () => {
    let cache: Service;
    before(async () => {
      cache = await open();
    });
    after(() => cache[Symbol.asyncDispose]());

    const holds = (sentence: string, scene: () => Promise<void>): void =>
      void test(sentence, () => {
        let before = away();
        return undisturbed(
          async () => {
            await until(async () => (await cache.check(1000)).ok);
            before = away();
            await scene();
          },
          { disturbed: () => away() > before },
        );
      });

    holds("what was set is got, whatever JSON it is", async () => {
      const notes = await viewOf(cache, "values");
      assert.deepEqual(await notes.get("none"), miss);
      for (const value of [null, false, 0, "", "text", [1, [2]], { a: { b: null } }, "ü🙂"]) {
        await notes.set("k", value);
        assert.deepEqual(await notes.get("k"), { hit: true, value });
      }
    });

    holds("a value is gone after its time", async () => {
      const notes = await viewOf(cache, "ttl");
      await notes.set("short", 1, { ttlMs: 40 });
      await notes.set("long", 2);
      await until(async () => ((await notes.get("short")) as { hit: boolean }).hit === false);
      assert.deepEqual(await notes.get("long"), { hit: true, value: 2 });
    });

    holds("delete removes keys and everything under a tag, and nothing else", async () => {
      const notes = await viewOf(cache, "tags");
      await notes.set("a", 1, { tags: ["x"] });
      await notes.set("b", 2, { tags: ["x", "y"] });
      await notes.set("c", 3, { tags: ["y"] });
      await notes.set("d", 4);
      await notes.delete({ tags: ["x"] });
      assert.deepEqual(await notes.get("a"), miss);
      assert.deepEqual(await notes.get("b"), miss);
      assert.deepEqual(await notes.get("c"), { hit: true, value: 3 });
      await notes.delete({ keys: ["c", "unknown"] });
      assert.deepEqual(await notes.get("c"), miss);
      assert.deepEqual(await notes.get("d"), { hit: true, value: 4 });
    });

    holds("plugins do not see each other's keys, tags or removal", async () => {
      const [one, two] = [await viewOf(cache, "one"), await viewOf(cache, "one-b")];
      await one.set("k", "one", { tags: ["t"] });
      await two.set("k", "two", { tags: ["t"] });
      assert.deepEqual(await one.get("k"), { hit: true, value: "one" });
      await one.delete({ tags: ["t"], keys: ["k"] });
      assert.deepEqual(await two.get("k"), { hit: true, value: "two" });
      await cache.removePlugin?.("one");
      assert.deepEqual(await two.get("k"), { hit: true, value: "two" });
    });

    holds("keys with special characters stay inside the plugin", async () => {
      const [odd, victim] = [await viewOf(cache, "odd"), await viewOf(cache, "victim")];
      await victim.set("k", "safe", { tags: ["t"] });
      for (const key of ["../victim:k:k", "victim:k:k", "*", "___bc:t:t", ":k", "k:k"]) {
        await odd.set(key, "evil");
        assert.deepEqual(await odd.get(key), { hit: true, value: "evil" });
      }
      assert.deepEqual(await victim.get("k"), { hit: true, value: "safe" });
    });

    holds(
      "tenants of a plugin see neither each other's keys and tags nor those of the plugin itself",
      async () => {
        const [acme, other] = [testTenant("acme"), testTenant("acme-b")];
        const own = await viewOf(cache, "shared");
        const views = [own, await viewOf(cache, "shared", acme), await viewOf(cache, "shared", other)];
        for (const [at, view] of views.entries()) await view.set("k", at, { tags: ["t"] });
        for (const [at, view] of views.entries())
          assert.deepEqual(await view.get("k"), { hit: true, value: at });
        const names = ["t:acme:1:k", "acme:k", "k:k", "t:acme-b:1:t"];
        await own.delete({ keys: names, tags: ["t:acme:1:t", "t:acme-b:1:t", "acme:t"] });
        await views[1]?.delete({ tags: ["t"] });
        assert.deepEqual(await views[0]?.get("k"), { hit: true, value: 0 });
        assert.deepEqual(await views[1]?.get("k"), miss);
        assert.deepEqual(await views[2]?.get("k"), { hit: true, value: 2 });
      },
    );

    holds(
      "what is kept for a tenant goes when it is dropped, and does not come back under its name",
      async () => {
        const [acme, other] = [testTenant("acme"), testTenant("acme-b")];
        const view = await viewOf(cache, "dropped", acme);
        const kept = await viewOf(cache, "dropped", other);
        await view.set("k", 1);
        await kept.set("k", 2);
        await cache.removeTenant?.("acme");
        assert.deepEqual(await view.get("k"), miss);
        assert.deepEqual(await kept.get("k"), { hit: true, value: 2 });
        await view.set("k", 3);
        const again = await viewOf(cache, "dropped", testTenant("acme", { serial: 2 }));
        assert.deepEqual(await again.get("k"), miss);
      },
    );

    holds("a reload of the plugin keeps its values, an uninstall removes them", async () => {
      const before = await viewOf(cache, "kept");
      await before.set("k", 1);
      const after = await viewOf(cache, "kept");
      assert.deepEqual(await after.get("k"), { hit: true, value: 1 });
      await cache.removePlugin?.("kept");
      assert.deepEqual(await (await viewOf(cache, "kept")).get("k"), miss);
    });

    holds("a plugin that fills its memory pushes out its own values only", async () => {
      await using small = await open({ size: "64kb", maxValue: "16kb" });
      const [greedy, modest] = [await viewOf(small, "greedy"), await viewOf(small, "modest")];
      await modest.set("k", "here");
      for (let number = 0; number < 50; number += 1) await greedy.set(`k${number}`, "x".repeat(10_000));
      assert.deepEqual(await modest.get("k"), { hit: true, value: "here" });
    });

    holds("bad calls are refused with the fault named", async () => {
      const notes = await viewOf(cache, "bad");
      const refused = (work: Promise<unknown>, code: string, message: RegExp) =>
        assert.rejects(work, { code, message });
      await refused(notes.get(undefined), "INPUT_INVALID", /'key'/);
      await refused(notes.get({}), "INPUT_INVALID", /'key' must be a text/);
      await refused(notes.get(""), "INPUT_INVALID", /not empty/);
      await refused(notes.get("a\nb"), "INPUT_INVALID", /control characters/);
      await refused(notes.get("k".repeat(600)), "QUOTA_EXCEEDED", /600 bytes/);
      await refused(
        notes.set("k", "x".repeat(300_000)),
        "QUOTA_EXCEEDED",
        /'value' is 293 KB; at most 256 KB/,
      );
      await refused(notes.set("k", 1, { ttlMs: 0 }), "INPUT_INVALID", /'ttlMs'/);
      await refused(notes.set("k", 1, { ttlMs: "5s" }), "INPUT_INVALID", /'ttlMs'/);
      await refused(notes.set("k", 1, { tags: "x" }), "INPUT_INVALID", /'tags'/);
      await refused(
        notes.set("k", 1, { tags: Array.from({ length: 17 }, String) }),
        "QUOTA_EXCEEDED",
        /'tags'/,
      );
      await refused(notes.delete({}), "INPUT_INVALID", /neither/);
      await refused(notes.delete({ keys: [1] }), "INPUT_INVALID", /'keys'/);
    });

    holds("health is a round trip", async () => {
      assert.equal((await cache.check(60_000)).ok, true);
    });
  });
}
