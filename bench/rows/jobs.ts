// The jobs service against bare Agenda, on one embedded Postgres, a process each: jobs that do nothing, enqueued and run.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { packageFile } from "../../src/core/base/package-root.ts";
import { testDatabase } from "../../test/support/services.ts";
import { median } from "../figures.ts";
import type { Measured } from "../peers/jobs-measure.ts";
import type { Family, Plan } from "../plan.ts";
import type { Row } from "../table.ts";

export const jobs: Family = { name: "jobs", run };

const ours = "jobs-xcore.ts";
const bare = "jobs-agenda.ts";

async function* run(plan: Plan): AsyncGenerator<Row[]> {
  await using database = await testDatabase();
  const { connection } = database.service;
  const results = new Map<string, Measured[]>([
    [bare, []],
    [ours, []],
  ]);
  for (let round = -1; round < Math.min(3, plan.rounds); round += 1) {
    plan.say(round < 0 ? "warms up" : `${plan.jobs} jobs each, round ${round + 1}`);
    for (const [file, measured] of results) {
      const one = await measure(file, [JSON.stringify(connection), String(round < 0 ? 100 : plan.jobs)]);
      if (round >= 0) measured.push(one);
    }
  }
  const rate = (file: string, part: (measured: Measured) => number): number =>
    median((results.get(file) ?? []).map((measured) => (1000 * plan.jobs) / part(measured)));
  const row = (what: string, part: (measured: Measured) => number, goal?: Row["goal"]): Row => ({
    what,
    value: rate(ours, part) / rate(bare, part),
    unit: "x",
    ...(goal === undefined ? {} : { goal }),
    measured: `agenda ${Math.round(rate(bare, part)).toLocaleString("en")}, xcore ${Math.round(rate(ours, part)).toLocaleString("en")}`,
  });
  yield [
    row("jobs/s against bare Agenda, enqueued and run", ({ enqueueMs, runMs }) => enqueueMs + runMs, {
      atLeast: 0.9,
    }),
    row("jobs per second of CPU against bare Agenda", ({ cpuMs }) => cpuMs),
  ];
}

async function measure(file: string, args: string[]): Promise<Measured> {
  const child: ChildProcess = fork(packageFile("bench", "peers", file), args);
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`${file} ended with ${code} before it was done`);
  });
  const [measured] = (await Promise.race([once(child, "message"), failed])) as [Measured];
  if (child.exitCode === null) await once(child, "exit");
  failed.catch(() => undefined);
  return measured;
}
