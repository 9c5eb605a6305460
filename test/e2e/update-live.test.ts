// Plugins come, change and go in a running server under load, and no request is lost.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, test, type TestContext } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";
import { silentLogger } from "../../src/core/base/log.ts";
import { openPluginData } from "../../src/core/plugins/installer/data.ts";
import { removePlugin } from "../../src/core/plugins/installer/remove.ts";
import { commit } from "../core/plugins/installer/workspace.ts";
import { add, answering, files, openLive, rollback, update } from "../support/live.ts";
import { startLoad, wrong } from "../support/steady-load.ts";
import { until } from "../support/workspace.ts";

describe("in a running server", () => {
  test("add, update, rollback and rm lose no request at 500 a second", async (t: TestContext) => {
    await using live = await openLive();
    const notes = live.repository(files("notes", "1.0.0", answering("notes one")));
    const other = live.repository(files("other", "1.0.0", answering("other")));
    await add(live, notes);
    const since = performance.now();
    using load = startLoad(live.address, ["/app/notes/", "/app/other/"]);
    await load.answered("/app/other/");
    const beforeAdd = performance.now();
    await add(live, other);
    const added = performance.now();
    await load.answered("/app/other/");
    for (let round = 2; round <= 4; round += 1) {
      commit(notes, files("notes", `1.${round}.0`, answering(`notes ${round}`)));
      const { updated, failed } = await update(live);
      assert.deepEqual([updated.length, failed], [1, []]);
    }
    await rollback(live, "notes");
    const beforeRemoval = performance.now();
    await removePlugin({
      config: live.config,
      name: "other",
      data: "keep",
      openData: () => openPluginData(live.config, silentLogger),
      notify: () => live.sync(),
    });
    const removed = performance.now();
    await load.answered("/app/other/");
    const answers = await load.stop();
    const all = [...answers.values()].flat().length;
    t.diagnostic(`${all} requests in ${Math.round(performance.now() - since)} ms`);
    assert.deepEqual(wrong(answers.get("/app/notes/"), ["notes one", "notes 2", "notes 3", "notes 4"]), []);
    // Before it was there and after it was gone nobody is there; in between nothing failed.
    const statuses = (from: number, to: number): number[] => [
      ...new Set(
        (answers.get("/app/other/") ?? [])
          .filter(({ sentAt, doneAt }) => sentAt > from && doneAt < to)
          .map(({ status }) => status),
      ),
    ];
    assert.deepEqual(statuses(0, beforeAdd), [404]);
    assert.deepEqual(statuses(added, beforeRemoval), [200]);
    assert.deepEqual(statuses(removed, Infinity), [404]);
    assert.deepEqual(statuses(0, Infinity).sort(), [200, 404]);
    assert.equal(await (await fetch(`${live.address}/app/notes/`)).text(), "notes 3");
  });

  test("a revision that does not start never answers, and the one before it loses no request", async () => {
    await using live = await openLive();
    const notes = live.repository(files("notes", "1.0.0", answering("one")));
    await add(live, notes);
    using load = startLoad(live.address, ["/app/notes/"]);
    commit(notes, files("notes", "1.1.0", `start() { throw new Error("no"); }, ${answering("two")}`));
    const { failed } = await update(live);
    assert.equal(failed[0]?.code, "PLUGIN_START");
    commit(notes, { "src/index.ts": "throw new Error('at the top');" });
    assert.match((await update(live)).failed[0]?.message ?? "", /at the top/);
    assert.deepEqual(wrong((await load.stop()).get("/app/notes/"), ["one"]), []);
    assert.equal(await live.version("notes"), "1.0.0");
  });

  test("an update that was killed once xcore.lock was written is followed by the server", async () => {
    await using live = await openLive();
    const notes = live.repository(files("notes", "1.0.0", answering("one")));
    await add(live, notes);
    commit(notes, files("notes", "1.1.0", answering("two")));
    const from = (path: string): string => JSON.stringify(packageFile(`src/core/${path}`));
    const child = spawn(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `const { updatePlugins } = await import(${from("plugins/installer/update.ts")});
        const { readMigrations } = await import(${from("plugin-schemas.ts")});
        const { readConfig } = await import(${from("config/read.ts")});
        await updatePlugins({
          config: await readConfig({ workspace: ${JSON.stringify(live.config.workspace)}, env: {} }),
          names: [], breakDependants: false, readMigrations, consent: async () => true, trial: async () => undefined,
          notify: async () => process.kill(process.pid, "SIGKILL"),
        });`,
      ],
      { stdio: "inherit" },
    );
    await once(child, "close");
    assert.equal(await live.version("notes"), "1.1.0");
    await until(
      async () => (await fetch(`${live.address}/app/notes/`)).text(),
      (text) => text === "two",
    );
    assert.ok(live.log.some(({ message }) => /was killed/.test(message)));
  });
});
