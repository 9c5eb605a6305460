// Runs the test files, two at a time. Files that fail are run once more, one after the other with the machine to themselves:
// what passes then was broken by load, not by a change. It is named at the end as unsteady, to be mended; more than three such
// files are no accident, and fail.
//
//   node scripts/test.ts                every file of test/
//   node scripts/test.ts a.test.ts ...  these ones, or patterns
import { relative } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const mostUnsteady = 3;
/** A test that is not done by then fails. */
const testMs = 180_000;
/** When no test has begun or ended for so long, the files under way hang, and fail. */
const silentMs = 240_000;

interface Outcome {
  tests: number;
  failed: number;
  skipped: number;
  /** Absolute paths of the files in which something failed. */
  files: Set<string>;
}

async function runFiles(patterns: string[], concurrency: number): Promise<Outcome> {
  const outcome: Outcome = { tests: 0, failed: 0, skipped: 0, files: new Set() };
  const hanging = new AbortController();
  const silence = setTimeout(() => hanging.abort(), silentMs);
  const events = run({
    globPatterns: patterns,
    concurrency,
    timeout: testMs,
    signal: hanging.signal,
    execArgv: ["--no-node-snapshot"],
  });
  events.on("test:enqueue", () => silence.refresh());
  events.on("test:complete", () => silence.refresh());
  events.on("test:fail", ({ entryFile, file }) =>
    outcome.files.add(entryFile ?? file ?? "a file without a name"),
  );
  events.on("test:summary", ({ counts, file }) => {
    if (file !== undefined) return;
    outcome.tests = counts.tests;
    outcome.failed = counts.tests - counts.passed - counts.skipped - counts.todo;
    outcome.skipped = counts.skipped;
  });
  for await (const text of events.compose(spec)) process.stdout.write(String(text));
  clearTimeout(silence);
  if (hanging.signal.aborted) {
    console.log(
      "\nAn aborted file did not end: it has left something open (a server, a timer, a child process), or it spins.",
    );
  }
  return outcome;
}

const asked = process.argv.slice(2);
const first = await runFiles(asked.length > 0 ? asked : ["test/**/*.test.ts"], 2);
const names = [...first.files].map((file) => relative(process.cwd(), file)).join(", ");
let { failed } = first;
let unsteady = "";
if (first.files.size > 0 && first.files.size <= mostUnsteady) {
  console.log(`\nOnce more, alone: ${names}\n`);
  failed = 0;
  for (const file of first.files) failed += (await runFiles([file], 1)).failed;
  if (failed === 0) unsteady = `; unsteady, passed only when run alone: ${names}`;
}
console.log(
  `\n${first.tests - first.skipped - failed} passed, ${failed} failed, ${first.skipped} skipped${unsteady}`,
);
process.exit(failed === 0 ? 0 : 1);
