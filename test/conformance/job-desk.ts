// What people can do with jobs, whatever provider is behind them: look, cancel, retry, pause, see schedules.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { JobDescription, JobRun } from "../../src/wire/guest-calls.ts";
import type { Json } from "../../src/wire/json.ts";
import type { JobsService } from "../../src/core/services/jobs/jobs.ts";
import { hostCall, identity, until } from "../support/services.ts";

type Handler = (job: JobRun, signal: AbortSignal) => Promise<Json>;

/** `open` gives a service that has not been started, over one and the same storage each time. */
export function jobDeskConformance(
  name: string,
  open: (options?: Record<string, unknown>) => Promise<JobsService>,
): void {
  describe(`the desk of jobs: ${name}`, () => {
    let jobs: JobsService;
    let other: JobsService;
    let number = 0;
    const plugin = (): string => `desk-${(number += 1)}`;
    const bind = (owner: string, described: Record<string, JobDescription>, run: Handler) =>
      jobs.bind(owner, described, run);
    const listed = (owner: string) => jobs.list({ plugin: owner, limit: 100 });
    const stateOf = async (id: string) => (await jobs.desk().show(id)).state;
    const nothing: Handler = () => Promise.resolve(null);
    /** Begins, says so, and ends when it is told to. */
    const patient = (): { run: Handler; started: Promise<void>; reason: Promise<unknown> } => {
      const started = Promise.withResolvers<void>();
      const reason = Promise.withResolvers<unknown>();
      const run: Handler = async (_job, signal) => {
        started.resolve();
        await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
        reason.resolve(signal.reason);
        throw new Error("ended early");
      };
      return { run, started: started.promise, reason: reason.promise };
    };

    before(async () => {
      [jobs, other] = [await open(), await open()];
      await jobs.start();
    });
    after(() => Promise.all([jobs[Symbol.asyncDispose](), other[Symbol.asyncDispose]()]));

    test("a job is shown by its id or the beginning of it", async () => {
      const owner = plugin();
      await bind(owner, { later: {} }, nothing);
      const facade = await jobs.forPlugin(identity(owner, { jobs: true }));
      const args = { name: "later", data: { to: "ada" }, delayMs: 60_000, unique: "ada", priority: 3 };
      const { id } = (await hostCall(facade, "jobs.enqueue", args)) as { id: string };
      const job = await jobs.desk().show(id.slice(0, 8));
      const { createdAt, nextRunAt, ...rest } = job;
      assert.ok(nextRunAt !== null && nextRunAt > createdAt);
      assert.deepEqual(rest, {
        id,
        plugin: owner,
        name: "later",
        tenant: null,
        state: "scheduled",
        attempt: 0,
        progress: null,
        note: null,
        lastRunAt: null,
        error: null,
        key: id,
        data: { to: "ada" },
        priority: 3,
        unique: "ada",
        finishedAt: null,
        heartbeatAt: null,
      });
    });

    test("ids that are none, unknown or of several jobs are refused", async () => {
      const desk = jobs.desk();
      for (const id of ["", "abc", "no-uuid", "zzzz", "0".repeat(40), "%"]) {
        await assert.rejects(desk.show(id), { code: "INPUT_INVALID" }, id);
      }
      await assert.rejects(desk.show("00000000-0000-0000-0000-000000000000"), { code: "JOB_NOT_FOUND" });
    });

    test("a job that waits is cancelled, stays as history and can be run after all, with its key", async () => {
      const owner = plugin();
      const keys: string[] = [];
      await bind(owner, { later: {} }, async (job) => {
        keys.push(job.key);
        return null;
      });
      const facade = await jobs.forPlugin(identity(owner, { jobs: true }));
      const args = { name: "later", data: null, delayMs: 60_000 };
      const { id } = (await hostCall(facade, "jobs.enqueue", args)) as { id: string };
      const cancelled = await jobs.desk().cancel(id);
      assert.deepEqual([cancelled.state, cancelled.error], ["cancelled", "cancelled before it ran"]);
      await assert.rejects(jobs.desk().cancel(id), { code: "JOB_STATE", message: /state is 'cancelled'/ });
      await jobs.desk().retry(id);
      await until(async () => (await stateOf(id)) === "done");
      assert.deepEqual(keys, [id]);
    });

    test("a running job that is cancelled has its signal fired and is not tried again", async () => {
      const owner = plugin();
      const { run, started, reason } = patient();
      await bind(owner, { long: { retries: 5 } }, run);
      const id = await jobs.enqueue(owner, "long", null);
      await started;
      // The handler may have ended by the time the answer is read.
      assert.match((await jobs.desk().cancel(id)).state, /^(running|cancelled)$/);
      assert.equal(((await reason) as { code?: string }).code, "CALL_CANCELLED");
      await until(async () => (await stateOf(id)) === "cancelled");
      assert.equal((await jobs.desk().show(id)).error, "cancelled while it ran");
    });

    test("a running job is cancelled from another process too", async () => {
      const owner = plugin();
      const { run, started, reason } = patient();
      await bind(owner, { long: {} }, run);
      const id = await jobs.enqueue(owner, "long", null);
      await started;
      await other.desk().cancel(id);
      assert.match(String(await reason), /it was cancelled/);
      await until(async () => (await stateOf(id)) === "cancelled");
    });

    test("its plugin can cancel a running job, another plugin can't", async () => {
      const [owner, stranger] = [plugin(), plugin()];
      const { run, started, reason } = patient();
      await bind(owner, { long: {} }, run);
      const id = await jobs.enqueue(owner, "long", null);
      await started;
      const cancel = async (who: string) =>
        hostCall(await jobs.forPlugin(identity(who, { jobs: true })), "jobs.cancel", { id });
      assert.deepEqual(await cancel(stranger), { cancelled: false });
      assert.deepEqual(await cancel(owner), { cancelled: true });
      await reason;
      await until(async () => (await stateOf(id)) === "cancelled");
    });

    test("a job that finishes although it was cancelled is done", async () => {
      const owner = plugin();
      const started = Promise.withResolvers<void>();
      const go = Promise.withResolvers<void>();
      await bind(owner, { deaf: {} }, async () => {
        started.resolve();
        await go.promise;
        return null;
      });
      const id = await jobs.enqueue(owner, "deaf", null);
      await started.promise;
      await jobs.desk().cancel(id);
      go.resolve();
      await until(async () => (await stateOf(id)) === "done");
    });

    test("a job that failed for good is retried with the key it had and all its tries", async () => {
      const owner = plugin();
      const seen: [number, string][] = [];
      let works = false;
      await bind(owner, { shaky: { retries: 0 } }, async (job) => {
        seen.push([job.attempt, job.key]);
        if (!works) throw new Error("no such mailbox");
        return null;
      });
      const id = await jobs.enqueue(owner, "shaky", { to: "ada" });
      await until(async () => (await stateOf(id)) === "failed");
      works = true;
      assert.notEqual((await jobs.desk().retry(id)).state, "failed");
      await until(async () => (await stateOf(id)) === "done");
      assert.deepEqual(seen, [
        [1, id],
        [1, id],
      ]);
      assert.equal((await jobs.desk().show(id)).error, null);
      await assert.rejects(jobs.desk().retry(id), { code: "JOB_STATE", hint: /xcore job run/ });
    });

    test("a job is not retried while another one of its unique key waits", async () => {
      const owner = plugin();
      await bind(owner, { later: {} }, nothing);
      const facade = await jobs.forPlugin(identity(owner, { jobs: true }));
      const args = { name: "later", data: null, delayMs: 60_000, unique: "today" };
      const enqueue = async () => ((await hostCall(facade, "jobs.enqueue", args)) as { id: string }).id;
      const first = await enqueue();
      await jobs.desk().cancel(first);
      const second = await enqueue();
      assert.notEqual(second, first);
      await assert.rejects(jobs.desk().retry(first), {
        code: "JOB_STATE",
        message: /key 'today' waits already/,
      });
      await jobs.desk().cancel(second);
      assert.equal((await jobs.desk().retry(first)).id, first);
    });

    test("an occurrence of a schedule that failed is kept, and retried under its own key", async () => {
      const owner = plugin();
      const keys: string[] = [];
      let works = false;
      await bind(owner, { tick: { every: "1 second", retries: 0 } }, async (job) => {
        keys.push(job.key);
        if (!works) throw new Error("not today");
        return null;
      });
      await until(async () => (await listed(owner)).some((job) => job.state === "failed"));
      await jobs.desk().pause(owner, "tick");
      // A run that had begun before the pause is over then.
      await until(async () => (await listed(owner)).some((job) => job.state === "paused"));
      const dead = (await listed(owner)).find((job) => job.state === "failed");
      const schedule = (await listed(owner)).find((job) => job.state === "paused");
      assert.ok(dead !== undefined && schedule !== undefined);
      works = true;
      const before = keys.length;
      await jobs.desk().retry(dead.id);
      await jobs.desk().resume(owner, "tick");
      await until(async () => (await stateOf(dead.id)) === "done");
      const { key } = await jobs.desk().show(dead.id);
      assert.ok(key !== null && keys.slice(0, before).includes(key));
      assert.ok(keys.slice(before).includes(key));
      await assert.rejects(jobs.desk().cancel(schedule.id), { code: "JOB_STATE", hint: /xcore job pause/ });
    });

    test("a paused job runs nowhere, also after a restart, until it is resumed", async () => {
      const owner = plugin();
      let runs = 0;
      const run: Handler = async () => {
        runs += 1;
        return null;
      };
      await bind(owner, { work: {} }, run);
      await jobs.desk().pause(owner, "work");
      await jobs.enqueue(owner, "work", null);
      const restarted = await open();
      try {
        await restarted.bind(owner, { work: {} }, run);
        await restarted.start();
        await restarted.enqueue(owner, "work", null);
        await new Promise((resolve) => setTimeout(resolve, 1200));
        assert.equal(runs, 0);
        assert.deepEqual(
          (await listed(owner)).map((job) => job.state),
          ["paused", "paused"],
        );
        await restarted.desk().resume(owner, "work");
        await until(() => runs === 2);
      } finally {
        await restarted[Symbol.asyncDispose]();
      }
    });

    test("pausing what is no job says which was meant", async () => {
      const owner = plugin();
      await bind(owner, { digest: {} }, nothing);
      await assert.rejects(jobs.desk().pause(owner, "digst"), {
        code: "JOB_NOT_FOUND",
        message: /did you mean 'digest'/,
      });
    });

    test("schedules are listed with their next run, and follow what is bound", async () => {
      const owner = plugin();
      const shown = async () =>
        (await jobs.desk().schedules(owner)).map((one) => [one.name, one.schedule, one.timezone, one.paused]);
      await bind(
        owner,
        {
          nightly: { cron: "0 3 * * *", timezone: "Europe/Berlin" },
          often: { every: "90 seconds" },
          once: {},
        },
        nothing,
      );
      await jobs.desk().pause(owner, "nightly");
      assert.deepEqual((await shown()).sort(), [
        ["nightly", "0 3 * * *", "Europe/Berlin", true],
        ["often", "every 1m 30s", null, false],
      ]);
      for (const one of await jobs.desk().schedules(owner)) assert.ok(Date.parse(one.nextRunAt) > Date.now());
      await bind(owner, { nightly: { cron: "30 3 * * *" } }, nothing);
      assert.deepEqual(await shown(), [["nightly", "30 3 * * *", "UTC", true]]);
      await jobs.unschedule(owner);
      assert.deepEqual(await shown(), []);
      await jobs.removePlugin?.(owner);
      await bind(owner, { nightly: { cron: "30 3 * * *" } }, nothing);
      assert.deepEqual(await shown(), [["nightly", "30 3 * * *", "UTC", false]]);
    });

    test("a job's progress is shown while it runs, and told only by its own plugin", async () => {
      const [owner, stranger] = [plugin(), plugin()];
      const started = Promise.withResolvers<string>();
      const go = Promise.withResolvers<void>();
      await bind(owner, { long: {} }, async (job) => {
        started.resolve(job.id);
        await go.promise;
        return null;
      });
      const facade = await jobs.forPlugin(identity(owner, { jobs: true }));
      await jobs.enqueue(owner, "long", null);
      const id = await started.promise;
      const tell = (args: object) => hostCall(facade, "jobs.progress", args);
      await tell({ id, progress: 0.25 });
      await tell({ id, progress: 0.5, note: "half of it" });
      await until(async () => (await jobs.desk().show(id)).progress === 0.5);
      const job = await jobs.desk().show(id);
      assert.deepEqual([job.state, job.note], ["running", "half of it"]);
      assert.notEqual(job.heartbeatAt, null);
      await assert.rejects(tell({ id, progress: 50 }), { code: "INPUT_INVALID", message: /from 0 to 1/ });
      await assert.rejects(tell({ id, progress: Number.NaN }), { code: "INPUT_INVALID" });
      const foreign = await jobs.forPlugin(identity(stranger, { jobs: true }));
      await assert.rejects(hostCall(foreign, "jobs.progress", { id, progress: 1 }), {
        code: "CALL_CANCELLED",
      });
      go.resolve();
      await until(async () => (await stateOf(id)) === "done");
      assert.equal((await jobs.desk().show(id)).progress, 1);
      await assert.rejects(tell({ id, progress: 1 }), { code: "CALL_CANCELLED", message: /does not run/ });
    });
  });
}
