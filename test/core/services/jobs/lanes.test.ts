// Jobs in lanes on a real Postgres: one at a time and in order, whoever adds, fails, cancels, retries or removes them.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Json } from "../../../../src/wire/json.ts";
import { agendaJobs } from "../../../../src/core/services/jobs/agenda.ts";
import type { ClaimedRun, JobsService } from "../../../../src/core/services/jobs/jobs.ts";
import { freeLanes } from "../../../../src/core/services/jobs/lane.ts";
import { openJobsPool } from "../../../../src/core/services/jobs/pool.ts";
import { silentLogger } from "../../../../src/core/base/log.ts";
import {
  openProvider,
  testDatabase,
  testTenant,
  until,
  type TestDatabase,
} from "../../../support/services.ts";

let database: TestDatabase;
const opened: JobsService[] = [];
before(async () => {
  database = await testDatabase();
});
after(async () => {
  await Promise.all(opened.map((jobs) => jobs[Symbol.asyncDispose]()));
  await database[Symbol.asyncDispose]();
});

async function open(options: Record<string, unknown> = {}): Promise<JobsService> {
  const needs = { database: database.service };
  const jobs = (await openProvider(agendaJobs, { options, needs })) as JobsService;
  opened.push(jobs);
  return jobs;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const hasState = async (jobs: JobsService, plugin: string, state: "done" | "failed", count: number) =>
  (await jobs.list({ plugin, state, limit: 1000 })).length === count;

/** Keeps what ran, and the most that ran at the same time in one lane. The first of each lane waits for those of all others. */
class Runs {
  readonly byLane = new Map<string, number[]>();
  mostInLane = 0;
  readonly #running: string[] = [];
  readonly #allBegun = Promise.withResolvers<void>();
  #lanes: number;

  constructor(lanes: number) {
    this.#lanes = lanes;
  }

  readonly run = async ({ data }: ClaimedRun): Promise<Json> => {
    const { lane, number } = data as { lane: string; number: number };
    this.#running.push(lane);
    this.mostInLane = Math.max(this.mostInLane, this.#running.filter((one) => one === lane).length);
    if (number === 0 && (this.#lanes -= 1) === 0) this.#allBegun.resolve();
    await this.#allBegun.promise;
    await pause(Math.random() * 8);
    this.#running.splice(this.#running.indexOf(lane), 1);
    this.byLane.set(lane, [...(this.byLane.get(lane) ?? []), number]);
    return null;
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

test("calls that do not wait for each other, on three servers that all handle: each lane in order, one at a time, lanes side by side", async () => {
  const lanes = ["a", "b", "c", "d"];
  const runs = new Runs(lanes.length);
  const servers = [await open(), await open(), await open()];
  for (const server of servers) await server.bind("shop", { work: { concurrency: 4 } }, runs.run);
  const adding = lanes.flatMap((lane, at) => {
    const server = servers[at % servers.length];
    return upTo(15).map((number) => server?.enqueue("shop", "work", { lane, number }, { lane }));
  });
  for (const server of servers) await server.start();
  await Promise.all(adding);
  await until(() => hasState(servers[0] as JobsService, "shop", "done", 60), 60_000);
  for (const lane of lanes) assert.deepEqual(runs.byLane.get(lane), upTo(15), lane);
  assert.equal(runs.mostInLane, 1);
});

test("servers that add to one lane at the same time: each one's order is kept, and never two run at once", async () => {
  const ran: string[] = [];
  let [running, most] = [0, 0];
  const servers = [await open(), await open()];
  for (const server of servers) {
    await server.bind("mix", { work: { concurrency: 5 } }, async ({ data }) => {
      most = Math.max(most, (running += 1));
      await pause(2);
      running -= 1;
      ran.push(String(data));
      return null;
    });
    await server.start();
  }
  await Promise.all(
    servers.flatMap((server, who) =>
      upTo(25).map((number) => server.enqueue("mix", "work", `${who}:${number}`, { lane: "one" })),
    ),
  );
  await until(() => ran.length === 50, 60_000);
  assert.equal(most, 1);
  for (const who of ["0", "1"]) {
    const own = ran.filter((one) => one.startsWith(`${who}:`)).map((one) => Number(one.slice(2)));
    assert.deepEqual(own, upTo(25));
  }
});

test("one that fails holds back its lane until it works, and no other lane nor tenant; without a lane nothing waits", async () => {
  const jobs = await open();
  const ran: Json[] = [];
  const plan = { concurrency: 4, retries: 50, backoff: { first: "1s", max: "1s" } };
  await jobs.bind("late", { work: plan }, async ({ data }) => {
    if (data === "shaky" && ran.length < 3) throw new Error("not yet");
    ran.push(data);
    return null;
  });
  const tenant = testTenant("acme");
  await jobs.enqueue("late", "work", "shaky", { lane: "a" });
  await jobs.enqueue("late", "work", "behind it", { lane: "a" });
  await jobs.enqueue("late", "work", "other lane", { lane: "b" });
  await jobs.enqueue("late", "work", "other tenant", { lane: "a", tenant });
  await jobs.enqueue("late", "work", "no lane");
  await jobs.start();
  await until(() => ran.length === 5, 60_000);
  assert.deepEqual(ran.slice(3), ["shaky", "behind it"]);
});

test("those behind a dead letter go on, and when it is retried it goes to the end", async () => {
  const jobs = await open();
  const ran: Json[] = [];
  let broken = true;
  const gate = Promise.withResolvers<void>();
  await jobs.bind("dead", { work: { concurrency: 4, retries: 0 } }, async ({ data }) => {
    if (data === "broken" && broken) throw new Error("no");
    if (data === "second") await gate.promise;
    ran.push(data);
    return null;
  });
  const id = await jobs.enqueue("dead", "work", "broken", { lane: "a" });
  for (const data of ["second", "third"]) await jobs.enqueue("dead", "work", data, { lane: "a" });
  await jobs.start();
  await until(() => hasState(jobs, "dead", "failed", 1));
  broken = false;
  assert.equal((await jobs.desk().retry(id)).state, "waiting");
  gate.resolve();
  await until(() => ran.length === 3);
  assert.deepEqual(ran, ["second", "third", "broken"]);
});

test("one that is cancelled, first or in the middle, lets the others go on", async () => {
  const jobs = await open();
  const ran: Json[] = [];
  const ids = [];
  for (const data of ["first", "second", "third", "fourth"]) {
    ids.push(await jobs.enqueue("calm", "@event", data, { lane: "a" }));
  }
  await Promise.all([ids[0], ids[1], ids[2]].map((id) => jobs.desk().cancel(id ?? "")));
  await jobs.bind("calm", { "@event": {} }, async ({ data }) => {
    ran.push(data);
    return null;
  });
  await jobs.start();
  await until(() => ran.length === 1);
  assert.deepEqual(ran, ["fourth"]);
  // A lane that was empty begins anew.
  await jobs.enqueue("calm", "@event", "fifth", { lane: "a" });
  await until(() => ran.length === 2);
});

test("a lane whose first job was deleted goes on with the next clean-up", async () => {
  const jobs = await open();
  const ran: Json[] = [];
  for (const data of ["deleted", "next"]) await jobs.enqueue("torn", "@event", data, { lane: "a" });
  await database.service.pool.query(
    `DELETE FROM xcore.jobs WHERE name = 'torn.@event' AND data->>'payload' = 'deleted'`,
  );
  const pool = await openJobsPool(database.service.connection, silentLogger);
  await freeLanes(pool).finally(() => pool.end());
  await jobs.bind("torn", { "@event": {} }, async ({ data }) => {
    ran.push(data);
    return null;
  });
  await jobs.start();
  await until(() => ran.length === 1);
  assert.deepEqual(ran, ["next"]);
});

test("a long lane whose first job waits is not read for each claim", async () => {
  const jobs = await open();
  await jobs.enqueue("long", "@event", 0, { lane: "a" });
  await Promise.all(upTo(60).map((number) => jobs.enqueue("long", "@event", number, { lane: "a" })));
  const { rows } = await database.service.pool.query<{ claimable: number }>(
    `SELECT count(*)::int AS claimable FROM xcore.jobs WHERE name = 'long.@event' AND NOT held`,
  );
  assert.equal(rows[0]?.claimable, 1);
});
