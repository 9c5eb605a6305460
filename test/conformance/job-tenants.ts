// Jobs of tenants, whatever provider is behind them: who enqueued one is whose it stays.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ClaimedRun, JobsService } from "../../src/core/services/jobs/jobs.ts";
import { hostCall, identity, testTenant, until } from "../support/services.ts";

/** `open` gives a service that has not been started. */
export function jobTenantsConformance(name: string, open: () => Promise<JobsService>): void {
  describe(`jobs of tenants: ${name}`, () => {
    let jobs: JobsService;
    let number = 0;
    const plugin = (): string => `tenants-${(number += 1)}`;
    const [acme, other] = [testTenant("acme"), testTenant("other")];
    const call = async (owner: string, call: "enqueue" | "cancel", args: object, tenant = acme) => {
      const facade = await jobs.forPlugin(identity(owner, { jobs: true }));
      return (await hostCall(facade, `jobs.${call}`, args, { tenant })) as { id: string; cancelled: boolean };
    };
    const later = { name: "later", data: null, delayMs: 60_000 };
    const listed = (owner: string) => jobs.list({ plugin: owner, limit: 100 });

    before(async () => {
      jobs = await open();
      await jobs.start();
    });
    after(() => jobs[Symbol.asyncDispose]());

    test("a job runs for the tenant it was enqueued for", async () => {
      const owner = plugin();
      const runs: ClaimedRun[] = [];
      await jobs.bind(owner, { send: {} }, async (run) => runs.push(run));
      await call(owner, "enqueue", { name: "send", data: 1 });
      await call(owner, "enqueue", { name: "send", data: 2 }, other);
      await jobs.enqueue(owner, "send", 3);
      await until(() => runs.length === 3);
      const found = runs.map(({ data, tenant }) => [data, tenant]).sort();
      assert.deepEqual(found, [
        [1, "acme"],
        [2, "other"],
        [3, undefined],
      ]);
      const shown = (await listed(owner)).map((job) => job.tenant);
      assert.deepEqual(shown.sort(), ["acme", "other", null].sort());
    });

    test("neither is cancelled by another tenant, nor its unique key taken", async () => {
      const owner = plugin();
      await jobs.bind(owner, { later: {} }, async () => null);
      const { id } = await call(owner, "enqueue", { ...later, unique: "one" });
      const twin = await call(owner, "enqueue", { ...later, unique: "one" }, other);
      assert.notEqual(twin.id, id);
      assert.equal((await call(owner, "enqueue", { ...later, unique: "one" })).id, id);
      assert.equal((await call(owner, "cancel", { id }, other)).cancelled, false);
      assert.equal((await call(owner, "cancel", { id })).cancelled, true);
      assert.equal((await jobs.desk().show(twin.id)).state, "scheduled");
    });

    test("no more wait than the tenant's quota, whichever plugin they belong to", async () => {
      const [one, two] = [plugin(), plugin()];
      const few = testTenant("few", { maxJobs: 3 });
      for (const owner of [one, two]) await jobs.bind(owner, { later: {} }, async () => null);
      for (const owner of [one, two, one]) await call(owner, "enqueue", later, few);
      const full = { code: "TENANT_QUOTA", message: /tenant 'few': 3 jobs wait already; at most 3/ };
      await assert.rejects(call(two, "enqueue", later, few), full);
      await call(two, "enqueue", later, other);
    });

    test("those of a suspended tenant wait, and run when it is resumed", async () => {
      const owner = plugin();
      const runs: (string | undefined)[] = [];
      const paused = testTenant("paused");
      // Announced, but claimed by nobody yet.
      jobs.validate(owner, { send: {} });
      await call(owner, "enqueue", { name: "send", data: null }, paused);
      await jobs.pauseTenant?.("paused", true);
      assert.equal((await listed(owner))[0]?.state, "paused");
      await call(owner, "enqueue", { name: "send", data: null }, other);
      await jobs.bind(owner, { send: {} }, async (run) => runs.push(run.tenant));
      await until(() => runs.length > 0);
      assert.deepEqual(runs, ["other"]);
      await jobs.pauseTenant?.("paused", false);
      await until(() => runs.includes("paused"));
    });

    test("one that failed while its tenant was suspended can be tried again afterwards", async () => {
      const owner = plugin();
      const rested = testTenant("rested");
      const { promise: goOn, resolve } = Promise.withResolvers<void>();
      let runs = 0;
      await jobs.bind(owner, { send: { retries: 0 } }, async () => {
        runs += 1;
        if (runs > 1) return null;
        await goOn;
        throw new Error("refused meanwhile");
      });
      const { id } = await call(owner, "enqueue", { name: "send", data: null }, rested);
      await until(() => runs === 1);
      await jobs.pauseTenant?.("rested", true);
      resolve();
      await until(async () => (await jobs.desk().show(id)).state === "failed");
      await jobs.pauseTenant?.("rested", false);
      await jobs.desk().retry(id);
      await until(async () => (await jobs.desk().show(id)).state === "done");
    });

    test("a schedule's run is spread over tenants, each with a key, and twice gives no more", async () => {
      const owner = plugin();
      const runs: ClaimedRun[] = [];
      await jobs.bind(owner, { digest: {} }, async (run) => runs.push(run));
      const run = {
        id: "i",
        name: "digest",
        data: null,
        attempt: 1,
        key: "i@t",
        tenant: undefined,
        isScheduled: true,
      };
      await jobs.spread(owner, run, ["acme", "other"]);
      await jobs.spread(owner, { ...run, attempt: 2 }, ["acme", "other", "third"]);
      await until(() => runs.length === 3);
      const found = runs.map(({ key, tenant }) => `${tenant} ${key}`).sort();
      assert.deepEqual(found, ["acme i@t/acme", "other i@t/other", "third i@t/third"]);
    });

    test("nothing is left of a tenant that is dropped", async () => {
      const owner = plugin();
      const gone = testTenant("gone");
      await jobs.bind(owner, { later: {} }, async () => null);
      await call(owner, "enqueue", later, gone);
      await call(owner, "enqueue", later, other);
      await jobs.removeTenant?.("gone");
      assert.deepEqual(
        (await listed(owner)).map((job) => job.tenant),
        ["other"],
      );
    });
  });
}
