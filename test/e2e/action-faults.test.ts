// When a callee fails its callers: tried again where the action may run twice, left alone when it fails for good, and said aloud.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { PluginInfo } from "../../src/core/admin/operations.ts";
import type { StatusReport } from "../../src/core/status.ts";
import {
  openTestCore,
  pluginFiles,
  testWorkspace,
  until,
  type TestCore,
  type TestWorkspace,
} from "../support/workspace.ts";

const callee = `
  let runs = 0;
  let stuck = true;
  const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
  export default definePlugin({ actions: {
    again: { idempotent: true, run: async () => { runs += 1; if (runs === 1) await wait(60_000); return runs; } },
    once: { run: async () => { runs += 1; if (runs === 1) await wait(60_000); return runs; } },
    reset: { run: () => { runs = 0; return null; } },
    hold: { idempotent: true, run: async (ms: any) => { console.log("holds"); await wait(ms); return "held"; } },
    stuck: { run: async () => { if (stuck) await wait(60_000); return "free"; } },
    free: { run: () => { stuck = false; return null; } },
    throws: { idempotent: true, run: () => { runs += 1; throw new Error("no"); } },
    runs: { run: () => runs },
    spin: { idempotent: true, run: () => { for (;;); } },
  } });`;

const caller = `export default definePlugin({
    routes: { "POST /:action": async (request, { call, params }: any) => ({ answer: await call("worker." + params.action, await request.json().catch(() => null)) }) },
  });`;

describe("a callee that fails", () => {
  let workspace: TestWorkspace;
  let server: TestCore;

  const run = async (
    action: string,
    { from = "boss", input = null as unknown } = {},
  ): Promise<{ status: number; answer?: unknown; code?: string; retryAfter: string | null }> => {
    const answer = await server.get(`/app/${from}/${action}`, {
      method: "POST",
      body: JSON.stringify(input),
    });
    return {
      status: answer.status,
      retryAfter: answer.headers.get("retry-after"),
      ...((await answer.json()) as object),
    };
  };
  /** What an action that may run twice says in time; its limit is short, and the machine may be slow. */
  const operate = async (action: string): Promise<unknown> => {
    const answered = await until(
      () => server.admin(`/plugins/worker/actions/${action}`, { method: "POST", body: "null" }),
      ({ status }) => status === 200,
    );
    return answered.json();
  };
  /** Until the answer is this one, for the same reason. */
  const answers = async (action: string, expected: unknown, options: Parameters<typeof run>[1] = {}) =>
    until(
      async () => (await run(action, options)).answer,
      (answer) => answer === expected,
    );
  const info = async (name: string): Promise<PluginInfo> =>
    (await (await server.admin(`/plugins/${name}`)).json()) as PluginInfo;

  before(async () => {
    workspace = await testWorkspace({
      ...pluginFiles("worker", callee, "limits: { timeout: 800ms }\n"),
      ...pluginFiles("boss", caller, "limits: { timeout: 20s }\npermissions: { call: ['worker.*'] }\n"),
      ...pluginFiles("other", caller, "limits: { timeout: 20s }\npermissions: { call: ['worker.*'] }\n"),
      "integration.yaml":
        "name: test\nserver: { port: 0, drain: 2s }\nadmin: { token: test-token-test-token-test-token }\nplugins: { worker: { isolation: own } }\n",
    });
    server = await openTestCore(workspace);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await workspace?.[Symbol.asyncDispose]();
  });

  test("an idempotent action that does not answer in time is tried again, any other is not", async () => {
    assert.ok(Number((await run("again")).answer) >= 2);
    await operate("reset");
    const once = await run("once");
    assert.equal(once.status, 500);
    assert.equal(await operate("runs"), 1);
  });

  test("an error of its own and a limit it ran into are answers: nothing is tried again", async () => {
    await operate("reset");
    assert.equal((await run("throws")).status, 500);
    assert.equal(await operate("runs"), 1);
    const { restarts } = await info("worker");
    assert.notEqual((await run("spin")).status, 200);
    await until(
      () => info("worker"),
      ({ state }) => state === "ready",
    );
    // On a machine that starves it the end counts as nobody's fault, and is tried again.
    assert.ok((await info("worker")).restarts <= restarts + 2);
  });

  test("an idempotent action survives the end of the callee's host", async () => {
    const { hostPid } = await info("worker");
    const answer = run("hold", { input: 300 });
    await until(() => server.log.some(({ message }) => message.includes("holds")), Boolean);
    process.kill(hostPid ?? 0, "SIGKILL");
    assert.deepEqual((await answer).answer, "held");
  });

  test("one that fails a caller again and again is left alone, seen in status and info, and found again by a probe", async () => {
    for (let times = 0; times < 5; times += 1) assert.notEqual((await run("stuck")).status, 503);
    const refused = await until(
      () => run("stuck"),
      ({ status }) => status === 503,
    );
    assert.equal(refused.code, "CIRCUIT_OPEN");
    assert.ok(Number(refused.retryAfter) >= 1);
    const { circuits } = await info("worker");
    const resting = circuits.filter(({ state }) => state !== "closed");
    assert.deepEqual(
      resting.map(({ caller: from, action }) => ({ from, action })),
      [{ from: "boss", action: "worker.stuck" }],
    );
    // It may be over by now: a probe that fails makes it rest for longer.
    const problems = async (): Promise<string> => {
      await run("stuck");
      const status = (await (await server.admin("/status")).json()) as StatusReport;
      return status.problems.join("\n");
    };
    await until(problems, (said) =>
      /calls of worker\.stuck by boss rest: it failed \d+ times in a row/.test(said),
    );
    // Another caller and another action are none of its business.
    await operate("free");
    await answers("stuck", "free", { from: "other" });
    await answers("hold", "held", { input: 1 });
    await answers("stuck", "free");
    assert.ok((await info("worker")).circuits.every(({ action }) => action !== "worker.stuck"));
  });

  test("a new build that breaks what others call is let in, and the log names them and what breaks", async () => {
    await workspace.write(
      "plugins/worker/index.ts",
      `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({ actions: { hold: { callers: ["boss"], run: () => "new" } } });`,
    );
    const reloaded = await server.admin("/plugins/worker/reload", { method: "POST" });
    assert.equal(reloaded.status, 200);
    const said = server.log.filter(
      ({ level, message }) => level === "warn" && message.includes("breaks 'worker."),
    );
    assert.match(
      said.map(({ message }) => message).join("\n"),
      /breaks 'worker\.again' for boss, other: it is gone/,
    );
    assert.match(
      said.map(({ message }) => message).join("\n"),
      /breaks 'worker\.hold' for boss, other: now only boss may call it/,
    );
    await answers("hold", "new");
    assert.notEqual((await run("hold", { from: "other" })).status, 200);
  });
});
