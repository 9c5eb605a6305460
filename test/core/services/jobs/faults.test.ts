// What Agenda gets wrong when processes die, connections break and runs take long; each fault is held down by a test.
import assert from "node:assert/strict";
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { agendaJobs } from "../../../../src/core/services/jobs/agenda.ts";
import { silentLogger } from "../../../../src/core/base/log.ts";
import { openJobsPool } from "../../../../src/core/services/jobs/pool.ts";
import { pruneHistory } from "../../../../src/core/services/jobs/history.ts";
import type { JobsService } from "../../../../src/core/services/jobs/jobs.ts";
import type { Json } from "../../../../src/wire/json.ts";
import { openProvider, testDatabase, until, type TestDatabase } from "../../../support/services.ts";
import { undisturbed } from "../../../support/steady.ts";

const worker = fileURLToPath(new URL("../../../fixtures/services/job-worker.ts", import.meta.url));

let database: TestDatabase;
const children = new Set<ChildProcess>();
const rejections: unknown[] = [];
const onRejection = (reason: unknown): void => void rejections.push(reason);

before(async () => {
  process.on("unhandledRejection", onRejection);
  database = await testDatabase();
  await database.service.pool.query(
    "CREATE TABLE done (key text PRIMARY KEY, value jsonb, runs int NOT NULL DEFAULT 1)",
  );
});
after(async () => {
  for (const child of children) child.kill("SIGKILL");
  await database[Symbol.asyncDispose]();
  process.off("unhandledRejection", onRejection);
  assert.deepEqual(rejections, []);
});

async function open(options: Record<string, unknown> = {}): Promise<JobsService> {
  const needs = { database: database.service };
  return (await openProvider(agendaJobs, { options, needs })) as JobsService;
}

/** `lockLifetime`: longer than a machine that others use stands still, where a lock that ran out would say something else. */
async function startWorker(lockLifetime = "1s"): Promise<ChildProcess> {
  const options = {
    maxWaiting: 10_000,
    maxData: "64kb",
    keepDone: "1d",
    keepFailed: "1d",
    keepCount: 10_000,
    lockLifetime,
  };
  const child = fork(worker, [JSON.stringify(database.service.connection), JSON.stringify(options)]);
  children.add(child);
  child.once("exit", () => children.delete(child));
  await Promise.race([
    once(child, "message"),
    once(child, "exit").then(() => Promise.reject(new Error("the worker ended"))),
  ]);
  return child;
}

test("five first starts at the same time make one table", async () => {
  const opened = await Promise.all(Array.from({ length: 5 }, () => open()));
  for (const jobs of opened) assert.equal((await jobs.check(60_000)).ok, true);
  await Promise.all(opened.map((jobs) => jobs[Symbol.asyncDispose]()));
});

test("a table that an older version made is brought up to date, and keeps its jobs", async () => {
  const { pool } = database.service;
  const first = await open();
  await first.bind("older", { work: {} }, () => Promise.resolve(null));
  const id = await first.enqueue("older", "work", null);
  await first[Symbol.asyncDispose]();
  await pool.query(`ALTER TABLE xcore.jobs DROP COLUMN cancelled, DROP COLUMN progress_note;
    DROP TABLE xcore.paused_jobs;
    COMMENT ON TABLE xcore.jobs IS 'xcore jobs 1'`);
  const jobs = await open();
  try {
    await jobs.bind("older", { work: {} }, () => Promise.resolve(null));
    await jobs.start();
    await until(async () => (await jobs.desk().show(id)).state === "done");
  } finally {
    await jobs[Symbol.asyncDispose]();
  }
});

test("a job that ends its process each time is stopped after its retries", async () => {
  const jobs = await open();
  try {
    jobs.validate("crew", { suicide: {} });
    await jobs.enqueue("crew", "suicide", null);
    for (let deaths = 0; deaths < 2; deaths += 1) {
      const child = await startWorker();
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      assert.equal(child.signalCode, "SIGKILL");
    }
    const last = await startWorker();
    await until(async () => (await jobs.counts()).failed === 1);
    const [job] = await jobs.list({ plugin: "crew", state: "failed", limit: 1 });
    assert.equal(job?.error, "the process that ran it ended each of 2 times");
    last.send("end");
    await once(last, "exit");
    assert.equal(last.exitCode, 0);
  } finally {
    await jobs[Symbol.asyncDispose]();
  }
});

test("of 1,000 jobs and three processes, one killed every 2 s, each job runs at least once and takes effect once by its key", async (t) => {
  const jobs = await open();
  try {
    jobs.validate("crew", { note: {} });
    const ids: string[] = [];
    // All at once, the last ones would wait for a connection longer than they may where the machine is busy.
    while (ids.length < 1000) {
      const adding = Array.from({ length: 50 }, (_, at) =>
        jobs.enqueue("crew", "note", { number: ids.length + at }),
      );
      ids.push(...(await Promise.all(adding)));
    }
    const crew = await Promise.all(Array.from({ length: 3 }, () => startWorker("4s")));
    const started = performance.now();
    let kills = 0;
    const killing = setInterval(() => {
      // On a slow machine each kill costs more than it takes: some must be enough.
      if (kills === 8) return;
      const at = Math.floor(Math.random() * crew.length);
      const [victim] = crew.splice(at, 1);
      if (victim?.kill("SIGKILL") === true) kills += 1;
      startWorker("4s").then(
        (fresh) => crew.push(fresh),
        () => undefined,
      );
    }, 2000);
    await until(async () => {
      const { rows } = await database.service.pool.query<{ count: number }>(
        "SELECT count(*)::int AS count FROM done",
      );
      return rows[0]?.count === 1000;
    }, 240_000);
    const seconds = (performance.now() - started) / 1000;
    clearInterval(killing);
    const { rows } = await database.service.pool.query<{ key: string; value: Json; runs: number }>(
      "SELECT key, value, runs FROM done",
    );
    assert.deepEqual(new Set(rows.map((row) => row.key)), new Set(ids));
    assert.equal(new Set(rows.map((row) => JSON.stringify(row.value))).size, 1000);
    await until(
      async () => (await jobs.list({ plugin: "crew", state: "done", limit: 1000 })).length === 1000,
    );
    const { rows: tried } = await database.service.pool.query<{ again: number }>(
      "SELECT count(*)::int AS again FROM xcore.jobs WHERE name = 'crew.note' AND (data->>'attempt')::int > 1",
    );
    const again = tried[0]?.again ?? 0;
    const twice = rows.filter((row) => row.runs > 1).length;
    // What ran at the moment of a kill runs again, and nothing else.
    assert.ok(
      kills >= 2 && again >= 1 && again <= kills * 5 && twice <= again,
      `${kills} kills, ${again} again`,
    );
    t.diagnostic(
      `${Math.round(1000 / seconds)} jobs/s of 150 possible; ${kills} kills, ${again} jobs tried again, ${twice} had done it already`,
    );
    for (const worker of children) worker.send("end");
    await Promise.all([...children].map((worker) => once(worker, "exit")));
  } finally {
    await jobs[Symbol.asyncDispose]();
  }
});

test("history is kept by age and by count, dead letters apart from what went well", async () => {
  const jobs = await open();
  const pool = await openJobsPool(database.service.connection, silentLogger);
  try {
    await jobs.bind(
      "old",
      { fine: { concurrency: 5 }, dead: { retries: 0, concurrency: 5 } },
      async ({ name }) => {
        if (name === "dead") throw new Error("no such mailbox");
        return null;
      },
    );
    await jobs.start();
    for (const name of ["fine", "dead"]) {
      for (let number = 0; number < 5; number += 1) await jobs.enqueue("old", name, number);
    }
    const states = async (): Promise<string> =>
      (await jobs.list({ plugin: "old", limit: 100 })).map((job) => job.state).join(" ");
    const all = ["failed", "done"].flatMap((state) => Array<string>(5).fill(state)).join(" ");
    await until(async () => (await states()) === all);
    await pruneHistory(pool, { doneMs: 60_000, failedMs: 60_000, count: 3 });
    assert.equal(await states(), "failed failed failed done done done");
    await pool.query(
      "UPDATE xcore.jobs SET last_finished_at = now() - interval '1 hour' WHERE name LIKE 'old.%'",
    );
    await pruneHistory(pool, { doneMs: 60_000, failedMs: 7_200_000, count: 3 });
    assert.equal(await states(), "failed failed failed");
    await pruneHistory(pool, { doneMs: 60_000, failedMs: 60_000, count: 3 });
    assert.equal(await states(), "");
  } finally {
    await pool.end();
    await jobs[Symbol.asyncDispose]();
  }
});

test("a cancelled job whose process died is not run again", async () => {
  const jobs = await open({ lockLifetime: "1s" });
  try {
    let runs = 0;
    await jobs.bind("gone", { long: { retries: 5 } }, async () => {
      runs += 1;
      return null;
    });
    const id = await jobs.enqueue("gone", "long", null);
    await database.service.pool.query(
      `UPDATE xcore.jobs SET locked_at = now() - interval '1 minute', last_modified_by = 'a dead process', cancelled = true,
         data = jsonb_set(data, '{attempt}', '1') WHERE id = $1`,
      [id],
    );
    await jobs.start();
    await until(async () => (await jobs.desk().show(id)).state === "cancelled");
    assert.equal(runs, 0);
  } finally {
    await jobs[Symbol.asyncDispose]();
  }
});

test("a job that runs longer than its lock lives runs once, also with a second process that waits for it", async () => {
  let plays = 0;
  await undisturbed(
    async () => {
      const [one, two] = await Promise.all([open({ lockLifetime: "2s" }), open({ lockLifetime: "2s" })]);
      const plugin = `slow-${(plays += 1)}`;
      try {
        let runs = 0;
        for (const jobs of [one, two]) {
          await jobs.bind(plugin, { crawl: {} }, async () => {
            runs += 1;
            await new Promise((resolve) => setTimeout(resolve, 5000));
            return null;
          });
          await jobs.start();
        }
        await one.enqueue(plugin, "crawl", null);
        await until(async () => (await one.list({ plugin, limit: 1 }))[0]?.state === "done");
        assert.equal(runs, 1);
      } finally {
        await Promise.all([one[Symbol.asyncDispose](), two[Symbol.asyncDispose]()]);
      }
    },
    { stallMs: 300 },
  );
});

test("connections that break in the middle lose no job and leave no unhandled rejection", async () => {
  const jobs = await open();
  try {
    let runs = 0;
    await jobs.bind("breaks", { work: { concurrency: 2 } }, async () => {
      runs += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return null;
    });
    await jobs.start();
    for (let number = 0; number < 10; number += 1) await jobs.enqueue("breaks", "work", number);
    for (let times = 0; times < 3; times += 1) {
      await database.service.pool.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'xcore jobs'",
      );
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
    await until(
      async () => (await jobs.list({ plugin: "breaks", state: "done", limit: 20 })).length === 10,
      60_000,
    );
    assert.ok(runs >= 10);
    assert.equal((await jobs.check(60_000)).ok, true);
  } finally {
    await jobs[Symbol.asyncDispose]();
  }
});

test("a schedule that was missed while nothing ran is made up for once", async () => {
  const jobs = await open();
  try {
    const keys: string[] = [];
    await jobs.bind("late", { nightly: { cron: "0 3 * * *" } }, async (job) => {
      keys.push(job.key);
      return null;
    });
    await database.service.pool.query(
      "UPDATE xcore.jobs SET next_run_at = now() - interval '3 days' WHERE name = 'late.nightly'",
    );
    await jobs.start();
    await until(() => keys.length === 1);
    await until(async () => (await jobs.list({ plugin: "late", limit: 1 }))[0]?.state === "scheduled");
    const [job] = await jobs.list({ plugin: "late", limit: 1 });
    assert.match(job?.nextRunAt ?? "", /T03:00:00/);
    assert.equal(keys.length, 1);
  } finally {
    await jobs[Symbol.asyncDispose]();
  }
});
