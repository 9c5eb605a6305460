// Jobs in a process whose wall clock jumps and stands still: the database's clock decides, timers go on as on a real machine.
import assert from "node:assert/strict";
import { after, before, describe, test, type TestContext } from "node:test";
import { agendaJobs } from "../../../../src/core/services/jobs/agenda.ts";
import type { JobsService } from "../../../../src/core/services/jobs/jobs.ts";
import {
  hostCall,
  identity,
  openProvider,
  testDatabase,
  until,
  type TestDatabase,
} from "../../../support/services.ts";

const hour = 3_600_000;

for (const [jump, ms] of [
  ["an hour ahead", hour],
  ["an hour back", -hour],
] as const) {
  describe(`jobs when the clock is ${jump}`, () => {
    let database: TestDatabase;
    let jobs: JobsService;
    before(async () => {
      database = await testDatabase();
      jobs = (await openProvider(agendaJobs, { needs: { database: database.service } })) as JobsService;
    });
    after(async () => {
      await jobs[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    });
    const jumped = (t: TestContext): void => t.mock.timers.enable({ apis: ["Date"], now: Date.now() + ms });
    const enqueue = async (name: string, more: object = {}): Promise<unknown> =>
      hostCall(await jobs.forPlugin(identity("clock", { jobs: true })), "jobs.enqueue", {
        name,
        data: null,
        ...more,
      });

    test("a job runs now, a delayed one after its delay, a failed one again after its pause, a schedule at its interval", async (t) => {
      const runs: { name: string; at: number }[] = [];
      await jobs.bind(
        "clock",
        {
          now: {},
          later: {},
          fails: { retries: 1, backoff: { first: "1s", jitter: 0 } },
          often: { every: "1 second" },
        },
        async ({ name, attempt }) => {
          runs.push({ name, at: performance.now() });
          if (name === "fails" && attempt === 1) throw new Error("not yet");
          return null;
        },
      );
      const times = (name: string): number => runs.filter((run) => run.name === name).length;
      await jobs.start();
      await until(() => times("often") >= 1);
      jumped(t);
      const since = performance.now();
      await enqueue("now");
      await enqueue("later", { delayMs: 1500 });
      await enqueue("fails");
      const before = times("often");
      await until(() => times("now") === 1 && times("later") === 1 && times("fails") === 2);
      await until(() => times("often") >= before + 3);
      const later = runs.find(({ name }) => name === "later");
      // Its own clock is behind by as much as the database took to answer.
      assert.ok((later?.at ?? 0) - since >= 750, "the delayed one ran early");
      const [first, second] = runs.filter(({ name }) => name === "fails");
      assert.ok((second?.at ?? 0) - (first?.at ?? 0) >= 500, "the failed one was tried again at once");
      const took = performance.now() - since;
      assert.ok(times("often") - before <= took / 1000 + 2, "the schedule ran away");
    });
  });
}
