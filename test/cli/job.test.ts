// xcore job against a real control socket that answers what the test wants.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openControlServer } from "./support/control-server.ts";
import { makeWorkspace, xcore } from "./support/run.ts";

const job = (changes: object = {}): object => ({
  id: "0b0e7c4a-3c1e-4f53-9d0c-6f2f0f2b8a11",
  plugin: "notes",
  name: "digest",
  state: "scheduled",
  attempt: 0,
  nextRunAt: new Date(Date.now() + 3_600_000).toISOString(),
  lastRunAt: null,
  error: null,
  ...changes,
});

describe("xcore job list", () => {
  it("shows jobs and their errors within 80 columns", async () => {
    await using workspace = await makeWorkspace();
    const jobs = [
      job(),
      job({
        plugin: "a-plugin-with-quite-a-long-name-of-forty",
        name: "and-a-job-with-a-name",
        state: "failed",
        attempt: 4,
        error: `no such\nmailbox ${"x".repeat(200)}`,
        nextRunAt: null,
        lastRunAt: new Date(Date.now() - 90_000_000).toISOString(),
      }),
    ];
    await using _server = await openControlServer(workspace.stateFolder, () => ({ result: jobs }));
    const { code, stdout, stderr } = await xcore(["job", "list"], { cwd: workspace.folder });
    assert.equal(code, 0);
    assert.equal(stderr, "");
    for (const shown of ["notes.digest", "scheduled", "failed", "ago", "no such mailbox"]) {
      assert.ok(stdout.includes(shown), shown);
    }
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("passes its filters on, and prints JSON", async () => {
    await using workspace = await makeWorkspace();
    const asked: unknown[] = [];
    await using _server = await openControlServer(workspace.stateFolder, (operation, params) => {
      asked.push([operation, params]);
      return { result: [] };
    });
    const args = ["job", "list", "--plugin", "notes", "--state", "failed", "--limit", "7", "--json"];
    const { code, stdout } = await xcore(args, { cwd: workspace.folder });
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), { ok: true, format: 1, jobs: [] });
    assert.deepEqual(asked, [["job.list", { plugin: "notes", state: "failed", limit: 7 }]]);
  });

  it("exits 3 when no server runs", async () => {
    await using workspace = await makeWorkspace();
    const { code } = await xcore(["job", "list"], { cwd: workspace.folder });
    assert.equal(code, 3);
  });
});

describe("xcore job run", () => {
  it("asks the server to run the job with its data", async () => {
    await using workspace = await makeWorkspace();
    const asked: unknown[] = [];
    await using _server = await openControlServer(workspace.stateFolder, (operation, params) => {
      asked.push([operation, params]);
      return { result: { id: "some-id" } };
    });
    const args = ["job", "run", "mailer.send", "--data", '{"to":"ada"}', "--json"];
    const { code, stdout } = await xcore(args, { cwd: workspace.folder });
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      ok: true,
      format: 1,
      id: "some-id",
      plugin: "mailer",
      name: "send",
    });
    assert.deepEqual(asked, [["job.run", { plugin: "mailer", name: "send", data: { to: "ada" } }]]);
  });

  it("exits 2 on a name without a dot and on data that is no JSON, and says how to write it", async () => {
    await using workspace = await makeWorkspace();
    const noDot = await xcore(["job", "run", "digest"], { cwd: workspace.folder });
    assert.equal(noDot.code, 2);
    assert.match(noDot.stderr, /xcore job run notes\.digest/);
    const noJson = await xcore(["job", "run", "notes.digest", "--data", "{to: ada}"], {
      cwd: workspace.folder,
    });
    assert.equal(noJson.code, 2);
    assert.match(noJson.stderr, /--data is no JSON/);
  });

  it("shows the server's own error", async () => {
    await using workspace = await makeWorkspace();
    const error = {
      code: "JOB_NOT_FOUND",
      message: "plugin 'notes' defines no job 'digst'; did you mean 'digest'?",
    };
    await using _server = await openControlServer(workspace.stateFolder, () => ({ error }));
    const { code, stderr } = await xcore(["job", "run", "notes.digst"], { cwd: workspace.folder });
    assert.equal(code, 65);
    assert.match(stderr, /did you mean 'digest'/);
  });
});
