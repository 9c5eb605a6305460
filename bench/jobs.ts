// Our jobs service against bare Agenda, on one embedded Postgres, a process each: jobs that do nothing, enqueued and run.
// node bench/jobs.ts [jobs] [rounds]
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { testDatabase } from "../test/support/services.ts";
import { median } from "./support.ts";

/** How long each part took, in ms. */
export interface Measured {
  enqueueMs: number;
  runMs: number;
  cpuMs: number;
}

const jobs = Number(process.argv[2] ?? 2000);
const rounds = Number(process.argv[3] ?? 5);
const subjects = { "xcore jobs": "./peers/jobs-xcore.ts", "bare Agenda": "./peers/jobs-agenda.ts" };
const phases = ["enqueueMs", "runMs"] as const;

await using database = await testDatabase();
const { connection } = database.service;
const results = new Map<string, Measured[]>(Object.keys(subjects).map((name) => [name, []]));
// One round to warm up; interleaved, so that a busy machine is busy for both.
for (let round = -1; round < rounds; round += 1) {
  for (const [name, file] of Object.entries(subjects)) {
    const measured = await measure(file);
    if (round >= 0) results.get(name)?.push(measured);
  }
}
const rate = (name: string, part: (measured: Measured) => number): number =>
  median((results.get(name) ?? []).map((measured) => (1000 * jobs) / part(measured)));
const line = (label: string, part: (measured: Measured) => number): void => {
  const [ours = 0, bare = 0] = Object.keys(subjects).map((name) => rate(name, part));
  const ratio = (ours / bare).toFixed(2);
  console.log(`${label.padEnd(22)} ${per(ours)} ${per(bare)} ${ratio.padStart(8)}`);
};
console.log(
  `${jobs} jobs, medians of ${rounds}     ${Object.keys(subjects)
    .map((name) => name.padStart(13))
    .join(" ")}    ratio`,
);
line("enqueued /s", (measured) => measured.enqueueMs);
line("run /s", (measured) => measured.runMs);
line("enqueued and run /s", (measured) => phases.reduce((sum, phase) => sum + measured[phase], 0));
line("per second of its CPU", (measured) => measured.cpuMs);

async function measure(file: string): Promise<Measured> {
  const args = [JSON.stringify(connection), String(jobs)];
  const child: ChildProcess = fork(fileURLToPath(new URL(file, import.meta.url)), args);
  const failed = once(child, "exit").then(([code]) => {
    throw new Error(`${file} ended with ${code} before it was done`);
  });
  const [measured] = (await Promise.race([once(child, "message"), failed])) as [Measured];
  if (child.exitCode === null) await once(child, "exit");
  return measured;
}

function per(rate: number): string {
  return Math.round(rate).toLocaleString("en").padStart(13);
}
