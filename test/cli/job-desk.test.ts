// xcore job show, retry, cancel, pause, resume and schedule, against a real control socket that answers what the test wants.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openControlServer, type Answer } from "./support/control-server.ts";
import { makeWorkspace, xcore, type Ended } from "./support/run.ts";

const id = "0b0e7c4a-3c1e-4f53-9d0c-6f2f0f2b8a11";
const detail = (changes: object = {}): object => ({
  id,
  plugin: "notes",
  name: "digest",
  state: "running",
  attempt: 2,
  progress: 0.429,
  note: "page 3 of 7",
  nextRunAt: null,
  lastRunAt: new Date(Date.now() - 90_000).toISOString(),
  error: null,
  key: id,
  data: { to: "ada" },
  priority: 0,
  unique: null,
  createdAt: new Date(Date.now() - 100_000).toISOString(),
  finishedAt: null,
  heartbeatAt: new Date().toISOString(),
  ...changes,
});

/** Runs a command against a server that gives one answer, and tells what it was asked. */
async function ask(args: string[], answer: Answer): Promise<Ended & { asked: unknown[] }> {
  await using workspace = await makeWorkspace();
  const asked: unknown[] = [];
  await using _server = await openControlServer(workspace.stateFolder, (operation, params) => {
    asked.push([operation, params]);
    return answer;
  });
  return { ...(await xcore(["job", ...args], { cwd: workspace.folder })), asked };
}

describe("xcore job show", () => {
  it("shows what is known, and leaves out what is not", async () => {
    const { code, stdout, asked } = await ask(["show", "0b0e7c4a"], { result: detail() });
    assert.equal(code, 0);
    assert.deepEqual(asked, [["job.show", { id: "0b0e7c4a" }]]);
    for (const shown of ["notes.digest", id, "running 42%", "page 3 of 7", '{"to":"ada"}']) {
      assert.ok(stdout.includes(shown), `${shown} in ${stdout}`);
    }
    assert.match(stdout, /\b\d+m( \d+s)? ago/);
    for (const absent of ["unique", "priority", "ended", "error"])
      assert.ok(!stdout.includes(absent), absent);
  });

  it("prints the same as JSON", async () => {
    const { stdout } = await ask(["show", id, "--json"], { result: detail() });
    const { ok, state, progress } = JSON.parse(stdout) as Record<string, unknown>;
    assert.deepEqual([ok, state, progress], [true, "running", 0.429]);
  });

  it("passes on what the server says of an unknown id", async () => {
    const error = {
      code: "JOB_NOT_FOUND",
      message: "there is no job with the id 'abcd'",
      hint: "xcore job list",
    };
    const { code, stderr } = await ask(["show", "abcd"], { error });
    assert.equal(code, 65);
    assert.match(stderr, /xcore job list/);
  });
});

describe("xcore job retry and cancel", () => {
  it("retry puts a job back and says how to follow it", async () => {
    const { code, stderr, asked } = await ask(["retry", "0b0e7c4a"], {
      result: detail({ state: "waiting" }),
    });
    assert.equal(code, 0);
    assert.deepEqual(asked, [["job.retry", { id: "0b0e7c4a" }]]);
    assert.match(stderr, /Put notes\.digest back; it is waiting.*xcore job show 0b0e7c4a/s);
  });

  it("cancel tells an ended job from one that was told to end", async () => {
    const running = await ask(["cancel", id], { result: detail() });
    assert.match(running.stderr, /Told notes\.digest to end/);
    const waiting = await ask(["cancel", id], { result: detail({ state: "cancelled" }) });
    assert.match(waiting.stderr, /Cancelled notes\.digest.*xcore job retry 0b0e7c4a/s);
    assert.deepEqual(waiting.asked, [["job.cancel", { id }]]);
  });

  it("a job that can't be cancelled is exit code 65, as JSON too", async () => {
    const error = { code: "JOB_STATE", message: "its state is 'done'" };
    const { code, stdout } = await ask(["cancel", id, "--json"], { error });
    assert.equal(code, 65);
    assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "JOB_STATE");
  });
});

describe("xcore job pause, resume and schedule", () => {
  it("pause and resume name the job and say what to do next", async () => {
    const result = { plugin: "notes", name: "digest", paused: true };
    const paused = await ask(["pause", "notes.digest"], { result });
    assert.equal(paused.code, 0);
    assert.deepEqual(paused.asked, [["job.pause", { plugin: "notes", name: "digest" }]]);
    assert.match(paused.stderr, /xcore job resume notes\.digest/);
    const resumed = await ask(["resume", "notes.digest", "--json"], { result: { ...result, paused: false } });
    assert.deepEqual(resumed.asked, [["job.resume", { plugin: "notes", name: "digest" }]]);
    assert.deepEqual(JSON.parse(resumed.stdout), { ok: true, format: 1, ...result, paused: false });
  });

  it("a name without a dot is exit code 2 with the way to write it", async () => {
    const { code, stderr, asked } = await ask(["pause", "digest"], { result: null });
    assert.equal(code, 2);
    assert.match(stderr, /xcore job pause notes\.digest/);
    assert.deepEqual(asked, []);
  });

  it("schedule shows when each runs next, which is paused and what failed, within 80 columns", async () => {
    const soon = new Date(Date.now() + 1.9 * 3_600_000).toISOString();
    const one = { plugin: "notes", name: "digest", schedule: "every 1h", timezone: null, nextRunAt: soon };
    const result = [
      { ...one, lastRunAt: null, paused: false, error: null },
      {
        ...one,
        plugin: "a-plugin-with-quite-a-long-name-of-forty",
        schedule: "0 3 * * *",
        timezone: "America/Argentina/Buenos_Aires",
        lastRunAt: new Date(Date.now() - 90_000_000).toISOString(),
        paused: true,
        error: "no such mailbox",
      },
    ];
    const { code, stdout, asked } = await ask(["schedule", "--plugin", "notes"], { result });
    assert.equal(code, 0);
    assert.deepEqual(asked, [["job.schedule", { plugin: "notes" }]]);
    for (const shown of ["notes.digest", "every 1h", "in 1h", "paused", "no such mailbox"]) {
      assert.ok(stdout.includes(shown), `${shown} in ${stdout}`);
    }
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
    const none = await ask(["schedule"], { result: [] });
    assert.match(none.stderr, /No schedules/);
  });
});
