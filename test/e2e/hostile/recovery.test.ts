// What comes after an end: neighbours in a shared host come back by themselves, the culprit moves out, crash loops are given up.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openArena } from "../../support/arena.ts";
import type { PluginStatus } from "../../../src/core/status.ts";
import { starvation } from "../../support/load.ts";
import { pluginFiles, until } from "../../support/workspace.ts";

const calm = `let posts = 0;
export default definePlugin({ routes: { "GET /": () => "calm", "POST /": () => { posts += 1; return { posts }; } } });`;

describe("after an end", () => {
  test("of a shared host its neighbours lose no GET and come back, and the culprit lives alone from then on", async (t) => {
    await using arena = await openArena(["far-searcher"], { isolation: { "far-searcher": "shared" } });
    for (const [path, text] of Object.entries({
      ...pluginFiles("calm", calm, "limits: { timeout: 30s }\n"),
      ...pluginFiles("quiet", calm, "limits: { timeout: 30s }\n"),
    })) {
      await arena.workspace.write(path, text);
    }
    await arena.server.admin("/plugins/sync", { method: "POST" });
    const culprit = await arena.load("far-searcher");
    assert.equal(culprit.hostPid, (await arena.status("calm")).hostPid, "they share a host");
    const failures: string[] = [];
    let slowestMs = 0;
    let gets = 0;
    const ended = new AbortController();
    const asking = ["calm", "quiet", "calm", "quiet"].map(async (name) => {
      while (!ended.signal.aborted) {
        const since = performance.now();
        const answer = await arena.server.get(`/app/${name}/`);
        gets += 1;
        if (answer.status !== 200) failures.push(`${name}: ${answer.status} ${await answer.text()}`);
        else await answer.text();
        slowestMs = Math.max(slowestMs, performance.now() - since);
        await pause(2);
      }
    });
    await arena.observe(t, async () => {
      await arena.server.get("/app/far-searcher/");
      await arena.alive("far-searcher");
    });
    t.diagnostic(
      `${gets} GETs of neighbours, the slowest took ${Math.round(slowestMs)} ms, the host was stuck for about 500 ms of it`,
    );
    const after = await arena.status("far-searcher");
    const neighbours = [await arena.status("calm"), await arena.status("quiet")];
    assert.equal(arena.ends("far-searcher")[0]?.["killedHost"], true);
    assert.notEqual(after.hostPid, neighbours[0]?.hostPid, "the culprit has a host of its own");
    // Those that the machine itself brought about do not count.
    const restartsOf = ({ name, restarts }: PluginStatus): number =>
      restarts - (arena.ends(name, { starved: true }).length - arena.ends(name).length);
    for (const neighbour of neighbours) {
      const { state, reason } = neighbour;
      assert.deepEqual([state, reason, restartsOf(neighbour)], ["ready", null, 1]);
    }

    await arena.server.get("/app/far-searcher/");
    await until(
      () => arena.ends("far-searcher").length,
      (count) => count === 2,
    );
    ended.abort();
    await Promise.all(asking);
    assert.deepEqual(
      failures.filter((text) => !starvation.test(text)),
      [],
    );
    for (const name of ["calm", "quiet"])
      assert.equal(restartsOf(await arena.status(name)), 1, "they noticed only once");
  });

  test("that repeats itself the pauses double, the fifth in a minute is the last, and a reload begins anew", async (t) => {
    await using arena = await openArena(["crash-looper"]);
    await arena.load("crash-looper");
    const quarantined = await arena.observe(t, async () =>
      until(
        () => arena.status("crash-looper"),
        ({ state }) => state === "quarantined",
      ),
    );
    const last = arena.ends("crash-looper", { starved: true }).at(-1);
    const isStarved = last?.["starved"] === true;
    assert.equal(quarantined.reason?.code, isStarved ? "PLUGIN_CRASHED" : "PLUGIN_CPU_LIMIT");
    for (const { capMs } of arena.ends("crash-looper")) assert.equal(capMs, 200);
    // One for which the machine had not let it run may be free, and has no pause.
    const restarts = arena.ends("crash-looper", { starved: true }).map((end) => end["restartInMs"]);
    assert.deepEqual(
      restarts.filter((ms) => ms !== 0),
      [250, 500, 1000, 2000, undefined],
    );
    const refused = await arena.server.get("/app/crash-looper/alive");
    assert.equal(refused.status, 503);
    assert.equal(((await refused.json()) as { code: string }).code, "PLUGIN_QUARANTINED");

    assert.equal((await arena.load("crash-looper")).state, "ready");
    const anew = await until(
      () =>
        arena
          .ends("crash-looper", { starved: true })
          .slice(restarts.length)
          .find((end) => end["restartInMs"] !== 0),
      (end) => end !== undefined,
    );
    assert.equal(anew?.["restartInMs"], 250);
  });
});
