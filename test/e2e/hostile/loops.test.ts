// Plugins that never come to an end, wherever they are entered: stopped within their limit, while everybody else is served.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { openArena, type Arena } from "../../support/arena.ts";
import { until } from "../../support/workspace.ts";

const bySlice = [
  "spinner",
  "late-spinner",
  "microtask-spinner",
  "reply-spinner",
  "timer-spinner",
  "getter-bomb",
  "proxy-thrower",
  "stack-spinner",
  "job-spinner",
  "event-spinner",
];
const other = ["boot-spinner", "start-spinner", "stop-spinner", "never-answerer"];

describe("a loop without an end", () => {
  let arena: Arena;
  before(async () => {
    arena = await openArena([...bySlice, ...other]);
  });
  after(() => arena[Symbol.asyncDispose]());

  for (const name of bySlice) {
    test(`of ${name} is stopped by V8 in its host, which lives on`, async (t) => {
      const { end, status } = await arena.strike(t, name);
      assert.partialDeepStrictEqual(end, { code: "PLUGIN_CPU_LIMIT", capMs: 200, killedHost: false });
      assert.ok(Number(end["observedMs"]) >= 200, "the observed time explains the end");
      // On a machine that hardly lets it run its deadline may come first.
      assert.ok([200, 503, 504].includes(status), String(status));
    });
  }

  for (const name of ["boot-spinner", "start-spinner"]) {
    test(`of ${name} fails the load with the reason`, async (t) => {
      // A load that the machine did not let run is refused for that, and tried again.
      const refused = (): Promise<unknown> =>
        arena.load(name).then(
          () => assert.fail("it was loaded"),
          (error: { code: string }) => error.code,
        );
      const code = await arena.observe(t, () => until(refused, (said) => said !== "PLUGIN_CRASHED"));
      assert.equal(code, "PLUGIN_CPU_LIMIT");
      const { state, reason } = await arena.status(name);
      assert.deepEqual([state, reason?.code], ["failed", "PLUGIN_CPU_LIMIT"]);
    });
  }

  test("of stop-spinner does not keep it from being unloaded", async (t) => {
    await arena.load("stop-spinner");
    await arena.observe(t, () => arena.unload("stop-spinner"));
    assert.equal((await arena.status("stop-spinner")).state, "stopped");
  });

  test("is told from a promise that never settles: never-answerer loses its calls and nothing else", async (t) => {
    const { revision } = await arena.load("never-answerer");
    await arena.observe(t, async () => {
      const answers = await Promise.all(
        Array.from({ length: 50 }, () => arena.server.get("/app/never-answerer/")),
      );
      for (const answer of answers) {
        assert.partialDeepStrictEqual(await answer.json(), { status: 504, code: "PLUGIN_TIMEOUT" });
      }
    });
    assert.partialDeepStrictEqual(await arena.status("never-answerer"), { state: "ready", revision });
  });

  test("is shown with its cap and what was observed, where an operator looks", async () => {
    await arena.load("spinner");
    const lines = arena.server.log.length;
    const failed = await until(
      async () => {
        await arena.server.get("/app/spinner/");
        return arena.server.log
          .slice(lines)
          .find(({ fields }) => fields["restartInMs"] !== undefined && fields["starved"] !== true);
      },
      (line) => line !== undefined,
    );
    assert.match(
      failed?.message ?? "",
      /spinner@1\.0\.0' ran for \d+ ms without a pause; 200 ms are allowed/,
    );
    await arena.unload("spinner");
  });
});
