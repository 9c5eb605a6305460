// Jobs of real plugins on a real core: progress, cancel and retry over the admin API, pauses, schedules that follow the code.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

interface Job {
  id: string;
  name: string;
  state: string;
  attempt: number;
  progress: number | null;
  note: string | null;
  error: string | null;
  lastRunAt: string | null;
  data: unknown;
  key: string;
}

const permissions = "permissions: { jobs: true, cache: true }\n";
const crew = (schedule: string): Record<string, string> =>
  pluginFiles(
    "crew",
    `export default definePlugin({
      routes: { "GET /told": async (request, { cache }) => ({ told: (await cache.get("told")) ?? null }) },
      jobs: {
        long: { retries: 0, run: async (data, ctx) => {
          await ctx.progress(0.5, "half of it");
          const { promise, resolve } = Promise.withResolvers();
          ctx.signal.addEventListener("abort", resolve);
          await promise;
        } },
        shaky: { retries: 2, backoff: { first: "1s", factor: 1, jitter: 0 }, run: async (data, ctx) => {
          await ctx.cache.set("told", ctx.job.key + " " + ctx.job.attempt);
          if (ctx.job.attempt < 3) throw new Error("no such mailbox");
        } },
        dead: { retries: 0, run: () => { throw new Error("never works"); } },
        digest: { ${schedule}, run() {} },
      },
    });`,
    permissions,
  );

describe("jobs of a plugin", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  const post = async (path: string): Promise<Job> => {
    const answer = await server.admin(path, { method: "POST" });
    assert.equal(answer.status, 200, await answer.clone().text());
    return (await answer.json()) as Job;
  };
  const show = async (id: string): Promise<Job> => (await server.admin(`/jobs/${id}`)).json() as Promise<Job>;
  const schedules = async (): Promise<
    { name: string; schedule: string; paused: boolean; nextRunAt: string }[]
  > => (await server.admin("/schedules?plugin=crew")).json() as never;

  before(async () => {
    workspace = await testWorkspace(crew('every: "1 hour"'));
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  test("a running job tells its progress; cancelled, its signal fires and it ends", async () => {
    const { id } = await post("/jobs/crew/long/run");
    const running = await until(
      () => show(id),
      (job) => job.progress !== null,
    );
    assert.deepEqual([running.state, running.progress, running.note], ["running", 0.5, "half of it"]);
    await post(`/jobs/${id}/cancel`);
    const ended = await until(
      () => show(id),
      (job) => job.state !== "running",
    );
    assert.deepEqual([ended.state, ended.error], ["cancelled", "cancelled while it ran"]);
    const again = await server.admin(`/jobs/${id}/cancel`, { method: "POST" });
    assert.equal(again.status, 409);
    assert.equal(((await again.json()) as { code: string }).code, "JOB_STATE");
  });

  test("a failing job is tried again after its own backoff, with one key, until it works", async () => {
    const { id } = await post("/jobs/crew/shaky/run");
    const done = await until(
      () => show(id),
      (job) => job.state === "done",
    );
    assert.equal(done.attempt, 3);
    const { told } = (await (await server.get("/app/crew/told")).json()) as { told: string };
    assert.equal(told, `${id} 3`);
  });

  test("a dead letter is listed with its reason, shown by the beginning of its id, and retried", async () => {
    const { id } = await post("/jobs/crew/dead/run");
    const listed = async (): Promise<Job[]> =>
      (await server.admin("/jobs?plugin=crew&state=failed")).json() as Promise<Job[]>;
    const [dead] = await until(listed, (jobs) => jobs.length === 1);
    assert.match(dead?.error ?? "", /never works \(index\.ts:\d+:\d+\)/);
    assert.equal((await show(id.slice(0, 8))).key, id);
    await post(`/jobs/${id}/retry`);
    await until(
      () => show(id),
      (job) => job.state === "failed" && job.lastRunAt !== dead?.lastRunAt,
    );
    assert.equal((await server.admin("/jobs/12345678/retry", { method: "POST" })).status, 404);
    assert.equal((await server.admin("/jobs/nothing")).status, 422);
    assert.equal((await server.admin("/jobs?plugin=crw")).status, 404);
  });

  test("a paused job stays paused over a restart; schedules follow the code and go with the plugin", async () => {
    const [first] = await schedules();
    assert.deepEqual([first?.name, first?.schedule, first?.paused], ["digest", "every 1h", false]);
    const wrong = await server.admin("/jobs/crew/digst/pause", { method: "POST" });
    assert.equal(wrong.status, 404);
    assert.match(((await wrong.json()) as { detail: string }).detail, /did you mean 'digest'/);
    await post("/jobs/crew/digest/pause");
    await server.core.close({ drain: false });
    server = await openTestCore(workspace);
    const [kept] = await schedules();
    assert.deepEqual([kept?.nextRunAt, kept?.paused], [first?.nextRunAt, true]);

    for (const [path, text] of Object.entries(crew('cron: "30 3 * * *"'))) await workspace.write(path, text);
    await post("/plugins/crew/reload");
    assert.deepEqual(
      (await schedules()).map((one) => [one.schedule, one.paused]),
      [["30 3 * * *", true]],
    );
    await post("/jobs/crew/digest/resume");
    assert.equal((await schedules())[0]?.paused, false);

    await post("/plugins/crew/unload");
    assert.deepEqual(await (await server.admin("/schedules")).json(), []);
    await post("/plugins/crew/load");
    assert.equal((await schedules()).length, 1);
  });
});
