// What every jobs provider must do, whatever is behind it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JobDescription, JobRun } from "../../src/wire/guest-calls.ts";
import type { Json } from "../../src/wire/json.ts";
import type { JobsService } from "../../src/core/services/jobs/jobs.ts";
import { hostCall, identity, until } from "../support/services.ts";

type Handler = (job: JobRun, signal: AbortSignal) => Promise<Json>;

/** `open` gives a service that has not been started, over one and the same storage each time. */
export function jobsConformance(
  name: string,
  open: (options?: Record<string, unknown>) => Promise<JobsService>,
): void {
  describe(`jobs: ${name}`, () => {
    let jobs: JobsService;
    let number = 0;
    const plugin = (): string => `plugin-${(number += 1)}`;
    const bind = (owner: string, described: Record<string, JobDescription>, run: Handler) => {
      jobs.validate(owner, described);
      return jobs.bind(owner, described, run);
    };
    const enqueue = async (owner: string, args: Record<string, unknown>): Promise<string> => {
      const facade = await jobs.forPlugin(identity(owner, { jobs: true }));
      return ((await hostCall(facade, "jobs.enqueue", { data: null, ...args })) as { id: string }).id;
    };
    const cancel = async (owner: string, id: unknown): Promise<unknown> => {
      const facade = await jobs.forPlugin(identity(owner, { jobs: true }));
      return hostCall(facade, "jobs.cancel", { id });
    };
    const listed = (owner: string) => jobs.list({ plugin: owner, limit: 100 });

    before(async () => {
      jobs = await open();
      await jobs.start();
    });
    after(() => jobs[Symbol.asyncDispose]());

    test("a job that is enqueued runs once, with its data, its first attempt and a key", async () => {
      const owner = plugin();
      const runs: JobRun[] = [];
      await bind(owner, { send: {} }, async (job) => {
        runs.push(job);
        return null;
      });
      const id = await enqueue(owner, { name: "send", data: { to: "ada" } });
      await until(async () => (await listed(owner))[0]?.state === "done");
      const run = { id, name: "send", data: { to: "ada" }, attempt: 1, key: id };
      assert.deepEqual(runs, [{ ...run, tenant: undefined, isScheduled: false }]);
    });

    test("a failed job is tried again with the same key until it works", async () => {
      const owner = plugin();
      const runs: JobRun[] = [];
      await bind(owner, { shaky: { retries: 2 } }, async (job) => {
        runs.push(job);
        if (job.attempt < 2) throw new Error("not yet");
        return null;
      });
      await enqueue(owner, { name: "shaky" });
      await until(async () => (await listed(owner))[0]?.state === "done");
      assert.deepEqual(
        runs.map((run) => run.attempt),
        [1, 2],
      );
      assert.equal(new Set(runs.map((run) => run.key)).size, 1);
      assert.equal((await listed(owner))[0]?.error, null);
    });

    test("a job that never works stops after its retries and stays as failed, with the reason", async () => {
      const owner = plugin();
      let runs = 0;
      await bind(owner, { broken: { retries: 1 } }, async () => {
        runs += 1;
        throw new Error("no such mailbox");
      });
      const failedBefore = (await jobs.counts()).failed;
      await enqueue(owner, { name: "broken" });
      await until(async () => (await listed(owner))[0]?.state === "failed");
      assert.equal(runs, 2);
      const [job] = await listed(owner);
      assert.equal(job?.error, "no such mailbox");
      assert.equal(job?.attempt, 2);
      assert.equal((await jobs.counts()).failed, failedBefore + 1);
    });

    test("no more runs at the same time than the job's concurrency, and all get done", async () => {
      const owner = plugin();
      let running = 0;
      let most = 0;
      let done = 0;
      const full = Promise.withResolvers<void>();
      await bind(owner, { work: { concurrency: 3 } }, async () => {
        running += 1;
        most = Math.max(most, running);
        if (running === 3) full.resolve();
        await full.promise;
        await new Promise((resolve) => setTimeout(resolve, 5));
        running -= 1;
        done += 1;
        return null;
      });
      for (let count = 0; count < 30; count += 1) await enqueue(owner, { name: "work" });
      await until(() => done === 30);
      assert.equal(most, 3);
    });

    test("of jobs that wait, the one of the highest priority runs first", async () => {
      const owner = plugin();
      const order: Json[] = [];
      const undo = await bind(owner, { work: {} }, () => Promise.resolve(null));
      await undo();
      jobs.validate(owner, { work: {} });
      for (const [priority, data] of [
        [0, "middle"],
        [-5, "last"],
        [10, "first"],
      ]) {
        await enqueue(owner, { name: "work", priority, data });
      }
      await bind(owner, { work: {} }, async (job) => {
        order.push(job.data);
        return null;
      });
      await until(() => order.length === 3);
      assert.deepEqual(order, ["first", "middle", "last"]);
    });

    test("a delayed job waits its time, and can be cancelled until it begins", async () => {
      const owner = plugin();
      const ran: Json[] = [];
      await bind(owner, { later: {} }, async (job) => {
        ran.push(job.data);
        return null;
      });
      const dropped = await enqueue(owner, { name: "later", data: "dropped", delayMs: 60_000 });
      const kept = await enqueue(owner, { name: "later", data: "kept", delayMs: 1500 });
      assert.deepEqual(await cancel(owner, dropped), { cancelled: true });
      assert.deepEqual(await cancel(owner, dropped), { cancelled: false });
      await until(async () => (await jobs.desk().show(kept)).state === "done");
      assert.deepEqual(ran, ["kept"]);
      const { createdAt, lastRunAt } = await jobs.desk().show(kept);
      const waitedMs = Date.parse(lastRunAt ?? "") - Date.parse(createdAt);
      assert.ok(waitedMs >= 1000, `it waited for ${waitedMs} ms`);
    });

    test("a plugin can't cancel another plugin's job", async () => {
      const [owner, other] = [plugin(), plugin()];
      await bind(owner, { later: {} }, () => Promise.resolve(null));
      await bind(other, { later: {} }, () => Promise.resolve(null));
      const id = await enqueue(owner, { name: "later", delayMs: 60_000 });
      assert.deepEqual(await cancel(other, id), { cancelled: false });
      assert.deepEqual(await cancel(other, "no-uuid"), { cancelled: false });
      assert.equal((await listed(owner))[0]?.state, "scheduled");
    });

    test("of fifty callers at once with one unique key, one job is made", async () => {
      const owner = plugin();
      await bind(owner, { digest: {} }, () => Promise.resolve(null));
      const ids = await Promise.all(
        Array.from({ length: 50 }, () =>
          enqueue(owner, { name: "digest", unique: "today", delayMs: 60_000 }),
        ),
      );
      assert.equal(new Set(ids).size, 1);
      assert.equal((await listed(owner)).length, 1);
      await enqueue(owner, { name: "digest", unique: "tomorrow", delayMs: 60_000 });
      assert.equal((await listed(owner)).length, 2);
    });

    test("an interval runs again and again, each time under a key of its own", async () => {
      const owner = plugin();
      const keys: string[] = [];
      await bind(owner, { tick: { every: "1 second" } }, async (job) => {
        keys.push(job.key);
        return null;
      });
      await until(() => keys.length >= 2);
      assert.equal(new Set(keys).size, keys.length);
    });

    test("a schedule does not run when it is bound, and keeps its next run when it is bound again unchanged", async () => {
      const owner = plugin();
      let runs = 0;
      const run: Handler = async () => {
        runs += 1;
        return null;
      };
      await bind(owner, { nightly: { every: "1 hour" } }, run);
      const first = (await listed(owner))[0]?.nextRunAt;
      await bind(owner, { nightly: { every: "1 hour" } }, run);
      assert.equal((await listed(owner))[0]?.nextRunAt, first);
      await bind(owner, { nightly: { every: "2 hours" } }, run);
      const changed = (await listed(owner))[0]?.nextRunAt;
      assert.ok(
        changed !== undefined && changed !== null && first !== undefined && first !== null && changed > first,
      );
      assert.equal(runs, 0);
    });

    test("binding again removes the schedules that are gone", async () => {
      const owner = plugin();
      await bind(
        owner,
        { one: { every: "1 hour" }, two: { cron: "0 3 * * *", timezone: "Europe/Berlin" } },
        () => Promise.resolve(null),
      );
      assert.deepEqual((await listed(owner)).map((job) => job.name).sort(), ["one", "two"]);
      await bind(owner, { two: { cron: "0 3 * * *" } }, () => Promise.resolve(null));
      assert.deepEqual(
        (await listed(owner)).map((job) => job.name),
        ["two"],
      );
    });

    test("jobs of a plugin that is unloaded wait, and run once it is loaded again", async () => {
      const owner = plugin();
      let early = 0;
      const undo = await bind(owner, { work: {} }, async () => {
        early += 1;
        return null;
      });
      await undo();
      jobs.validate(owner, { work: {} });
      await enqueue(owner, { name: "work" });
      await new Promise((resolve) => setTimeout(resolve, 1300));
      assert.equal(early, 0);
      assert.equal((await listed(owner))[0]?.state, "waiting");
      let late = 0;
      await bind(owner, { work: {} }, async () => {
        late += 1;
        return null;
      });
      await until(() => late === 1);
      assert.equal(early, 0);
    });

    test("the undo of an older binding leaves the newer one alone", async () => {
      const owner = plugin();
      const seen: string[] = [];
      const undo = await bind(owner, { work: {} }, async () => {
        seen.push("old");
        return null;
      });
      await bind(owner, { work: {} }, async () => {
        seen.push("new");
        return null;
      });
      await undo();
      await enqueue(owner, { name: "work" });
      await until(() => seen.length === 1);
      assert.deepEqual(seen, ["new"]);
    });

    test("drain stops claiming and waits for what runs", async () => {
      const second = await open();
      const owner = plugin();
      let ended = false;
      const started = Promise.withResolvers<void>();
      try {
        second.validate(owner, { slow: {} });
        await second.bind(owner, { slow: {} }, async () => {
          started.resolve();
          await new Promise((resolve) => setTimeout(resolve, 300));
          ended = true;
          return null;
        });
        await second.start();
        await second.enqueue(owner, "slow", null);
        await second.enqueue(owner, "slow", null);
        await started.promise;
        await second.drain(60_000);
        assert.equal(ended, true);
        assert.deepEqual(
          (await listed(owner)).map((job) => job.state),
          ["waiting", "done"],
        );
      } finally {
        await second[Symbol.asyncDispose]();
      }
    });

    test("drain gives up on a job that does not end, and closing tells it so", async () => {
      const second = await open();
      const owner = plugin();
      const started = Promise.withResolvers<void>();
      let reason: unknown;
      second.validate(owner, { endless: { retries: 0 } });
      await second.bind(owner, { endless: { retries: 0 } }, async (_job, signal) => {
        started.resolve();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        reason = signal.reason;
        throw signal.reason;
      });
      await second.start();
      await second.enqueue(owner, "endless", null);
      await started.promise;
      await second.drain(50);
      assert.equal(reason, undefined);
      await second[Symbol.asyncDispose]();
      assert.equal((reason as unknown as { code?: string }).code, "CALL_CANCELLED");
    });

    test("a full queue refuses more, and says so", async () => {
      const small = await open({ maxWaiting: 3 });
      const owner = plugin();
      try {
        small.validate(owner, { work: {} });
        for (let count = 0; count < 3; count += 1) await small.enqueue(owner, "work", null);
        await assert.rejects(small.enqueue(owner, "work", null), {
          code: "QUOTA_EXCEEDED",
          message: /3 jobs wait/,
        });
      } finally {
        await small[Symbol.asyncDispose]();
      }
    });

    test("durable events are kept for a plugin that is away, and do not take the place of its own jobs", async () => {
      const small = await open({ maxWaiting: 3 });
      const owner = plugin();
      try {
        for (let count = 0; count < 3; count += 1) await small.enqueue(owner, "@event", { count });
        await assert.rejects(small.enqueue(owner, "@event", null), {
          code: "QUOTA_EXCEEDED",
          message: new RegExp(`'${owner}': 3 durable events wait for it already; at most 3`),
        });
        small.validate(owner, { work: {} });
        for (let count = 0; count < 3; count += 1) await small.enqueue(owner, "work", null);
        await assert.rejects(small.enqueue(owner, "work", null), { message: /3 jobs wait already/ });
      } finally {
        await small[Symbol.asyncDispose]();
      }
    });

    test("bad calls of a plugin are refused with the fault named", async () => {
      const owner = plugin();
      await bind(owner, { send: {} }, () => Promise.resolve(null));
      const refused = (args: Record<string, unknown>, code: string, message: RegExp) =>
        assert.rejects(enqueue(owner, args), { code, message });
      await refused({ name: "sned" }, "JOB_NOT_FOUND", /did you mean 'send'/);
      await refused({ name: 7 }, "INPUT_INVALID", /'name'/);
      await refused({ name: "@event" }, "JOB_NOT_FOUND", /no job '@event'/);
      await refused({ name: "send", data: "x".repeat(70_000) }, "QUOTA_EXCEEDED", /'data'/);
      await refused({ name: "send", delayMs: -1 }, "INPUT_INVALID", /'delayMs'/);
      await refused({ name: "send", at: "tomorrow" }, "INPUT_INVALID", /'at' is no point in time/);
      await refused(
        { name: "send", at: "2027-01-01T00:00:00Z", delayMs: 1 },
        "INPUT_INVALID",
        /exclude each other/,
      );
      await refused({ name: "send", priority: 1000 }, "INPUT_INVALID", /'priority'/);
      await refused({ name: "send", data: "null: \0" }, "INPUT_INVALID", /can't keep this data/);
      await refused({ name: "send", data: { half: "\ud800" } }, "INPUT_INVALID", /can't keep this data/);
      assert.deepEqual(await listed(owner), []);
    });

    test("a job that fails while its plugin is being unloaded is tried again once it is back", async () => {
      const owner = plugin();
      const started = Promise.withResolvers<void>();
      const gone = Promise.withResolvers<void>();
      const undo = await bind(owner, { work: {} }, async () => {
        started.resolve();
        await gone.promise;
        throw new Error("unloaded");
      });
      await enqueue(owner, { name: "work" });
      await started.promise;
      await undo();
      gone.resolve();
      await until(async () => (await listed(owner))[0]?.error === "unloaded");
      assert.notEqual((await listed(owner))[0]?.state, "failed");
      let attempt = 0;
      await bind(owner, { work: {} }, async (job) => {
        attempt = job.attempt;
        return null;
      });
      await until(() => attempt === 2);
    });

    test("wrong schedules are errors before anything runs", () => {
      const wrong = (description: object, message: RegExp): void =>
        assert.throws(() => jobs.validate("notes", { digest: description as JobDescription }), {
          code: "PLUGIN_DEFINITION",
          message,
        });
      wrong({ every: "1 huor" }, /plugin 'notes': job 'digest': every: '1 huor'.*did you mean 'hour'/);
      wrong({ every: "soon" }, /no interval/);
      wrong({ every: "1 ms" }, /at least 1 second/);
      wrong({ every: "0 seconds" }, /out of range/);
      wrong({ every: "2 years" }, /no unit/);
      wrong({ every: 5 }, /must be a text/);
      wrong({ cron: "every day" }, /has 2 fields/);
      wrong({ cron: "61 * * * *" }, /no cron expression/);
      wrong({ cron: "0 0 31 2 *" }, /no cron expression/);
      wrong({ cron: "0 0 * * * *" }, /has 6 fields/);
      wrong({ cron: "H * * * *" }, /H is not supported/);
      wrong({ cron: "0 3 * * *", timezone: "Europe/Berln" }, /did you mean 'Europe\/Berlin'/);
      wrong({ every: "1 hour", cron: "0 3 * * *" }, /exclude each other/);
      wrong({ every: "1 hour", timezone: "UTC" }, /without 'cron'/);
      wrong({ retries: -1 }, /'retries'/);
      wrong({ concurrency: 1.5 }, /'concurrency'/);
      wrong({ backoff: "1s" }, /'backoff' must be such as/);
      wrong({ backoff: { first: "soon" } }, /backoff.first: 'soon' is no interval/);
      wrong({ backoff: { frist: "1s" } }, /did you mean 'first'/);
      wrong({ backoff: { first: "1h", max: "1m" } }, /'max' \(1m\) is less than 'first'/);
      wrong({ backoff: { factor: 0 } }, /'factor' must be a number from 1 to 10/);
      wrong({ backoff: { jitter: 2 } }, /'jitter'/);
      wrong({ evry: "1 hour" }, /did you mean 'every'/);
      assert.throws(() => jobs.validate("notes", { "bad name": {} }), { code: "PLUGIN_DEFINITION" });
    });

    test("what a plugin leaves is removed with it", async () => {
      const owner = plugin();
      await bind(owner, { work: {}, tick: { every: "1 hour" } }, () => Promise.resolve(null));
      await enqueue(owner, { name: "work", delayMs: 60_000 });
      assert.equal((await listed(owner)).length, 2);
      await jobs.removePlugin?.(owner);
      assert.deepEqual(await listed(owner), []);
    });

    test("health is a round trip", async () => {
      const health = await jobs.check(60_000);
      assert.equal(health.ok, true);
      assert.match(health.detail, /jobs/);
    });
  });
}
