// Plugins come, change and go in a running server under load, and no request is lost; what fails its first minute goes back.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent, get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, test, type TestContext } from "node:test";
import { packageFile } from "../../src/core/base/package-root.ts";
import { silentLogger } from "../../src/core/base/log.ts";
import { readConfig } from "../../src/core/config/read.ts";
import type { Config } from "../../src/core/config/config.ts";
import { openCore } from "../../src/core/core.ts";
import { openPluginSchemas, readMigrations } from "../../src/core/plugin-schemas.ts";
import { addPlugin } from "../../src/core/plugins/installer/add.ts";
import { openPluginData } from "../../src/core/plugins/installer/data.ts";
import { removePlugin } from "../../src/core/plugins/installer/remove.ts";
import { rollbackPlugin } from "../../src/core/plugins/installer/rollback.ts";
import { updatePlugins } from "../../src/core/plugins/installer/update.ts";
import { readLock } from "../../src/core/plugins/lock.ts";
import type { ServerOutcome } from "../../src/core/plugins/installer/context.ts";
import { commit, makeRepository } from "../core/plugins/installer/workspace.ts";
import { keptLog, testWorkspace, until, type LogLine } from "../support/workspace.ts";

const token = "test-token-test-token-test-token";
const requestsPerSecond = 500;

const files = (name: string, version: string, code: string, manifest = ""): Record<string, string> => ({
  "plugin.yaml": `name: ${name}\nversion: ${version}\n${manifest}`,
  "src/index.ts": `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({ ${code} });\n`,
});
const answering = (text: string): string => `routes: { "GET /": () => ${JSON.stringify(text)} }`;

interface Live extends AsyncDisposable {
  config: Config;
  address: string;
  log: LogLine[];
  /** A new repository beside the project. */
  repository(files: Record<string, string>): string;
  sync(): Promise<ServerOutcome>;
  version(name: string): Promise<string | undefined>;
}

async function openLive(probationMs?: number): Promise<Live> {
  await using opening = new AsyncDisposableStack();
  const workspace = opening.use(await testWorkspace());
  const sources = await mkdtemp(join(tmpdir(), "xcore-live-"));
  opening.defer(() => rm(sources, { recursive: true, force: true }));
  const config = await readConfig({ workspace: workspace.folder, env: {} });
  const logger = keptLog();
  const core = opening.use(
    await openCore({ config, logger, ...(probationMs === undefined ? {} : { probationMs }) }),
  );
  const opened = opening.move();
  let made = 0;
  return {
    config,
    address: core.address,
    log: logger.lines,
    repository: (given) => makeRepository(join(sources, `r${(made += 1)}`), given),
    async sync() {
      const answer = await fetch(`${core.address}/_xcore/plugins/sync`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}` },
      });
      return (await answer.json()) as ServerOutcome;
    },
    version: async (name) => (await readLock(workspace.folder)).plugins[name]?.version,
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

const consent = async (): Promise<boolean> => true;

const add = (live: Live, source: string) =>
  addPlugin({ config: live.config, source, cwd: live.config.workspace, consent, notify: () => live.sync() });

const update = (live: Live) =>
  updatePlugins({
    config: live.config,
    names: [],
    consent,
    breakDependants: false,
    readMigrations,
    openSchemas: () => openPluginSchemas(live.config, silentLogger),
    notify: () => live.sync(),
  });

const rollback = (live: Live, name: string) =>
  rollbackPlugin({
    config: live.config,
    name,
    undoMigrations: true,
    breakDependants: false,
    readMigrations,
    openSchemas: () => openPluginSchemas(live.config, silentLogger),
    notify: () => live.sync(),
  });

interface Answer {
  status: number;
  text: string;
}

/** 500 requests a second, each path in turn, whatever becomes of them. */
function startLoad(
  address: string,
  paths: readonly string[],
): Disposable & { stop(): Promise<Map<string, Answer[]>> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const answers = new Map(paths.map((path) => [path, [] as Answer[]]));
  const open = new Set<Promise<void>>();
  const ask = (path: string): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (status: number, text: string): void => {
      answers.get(path)?.push({ status, text });
      resolve();
    };
    get(`${address}${path}`, { agent }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response.on("end", () => done(response.statusCode ?? 0, text));
    }).on("error", (error) => done(0, error.message));
    return promise;
  };
  const startedAt = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * requestsPerSecond;
    // A machine that stood still is not made up for all at once.
    for (let burst = 0; sent < due && burst < 50; burst += 1, sent += 1) {
      const asked = ask(paths[sent % paths.length] ?? "/");
      open.add(asked);
      void asked.then(() => open.delete(asked));
    }
  }, 5);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      return answers;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

const wrong = (answers: readonly Answer[] | undefined, expected: readonly string[]): Answer[] =>
  (answers ?? []).filter(({ status, text }) => status !== 200 || !expected.includes(text));

describe("in a running server", () => {
  test("add, update, rollback and rm lose no request at 500 a second", async (t: TestContext) => {
    await using live = await openLive();
    const notes = live.repository(files("notes", "1.0.0", answering("notes one")));
    const other = live.repository(files("other", "1.0.0", answering("other")));
    await add(live, notes);
    using load = startLoad(live.address, ["/app/notes/", "/app/other/"]);
    await add(live, other);
    const fromHere = performance.now();
    await pause(200);
    for (let round = 2; round <= 4; round += 1) {
      commit(notes, files("notes", `1.${round}.0`, answering(`notes ${round}`)));
      const { updated, failed } = await update(live);
      assert.deepEqual([updated.length, failed], [1, []]);
    }
    await rollback(live, "notes");
    await removePlugin({
      config: live.config,
      name: "other",
      data: "keep",
      openData: () => openPluginData(live.config, silentLogger),
      notify: () => live.sync(),
    });
    await pause(100);
    const answers = await load.stop();
    const all = [...answers.values()].flat().length;
    t.diagnostic(`${all} requests in ${Math.round(performance.now() - fromHere)} ms and what came before`);
    assert.deepEqual(wrong(answers.get("/app/notes/"), ["notes one", "notes 2", "notes 3", "notes 4"]), []);
    // Before it was there and after it was gone nobody is there; in between nothing failed.
    const statuses = (answers.get("/app/other/") ?? []).map(({ status }) => status);
    assert.deepEqual([...new Set(statuses)].sort(), [200, 404]);
    const turns = statuses.filter((status, at) => at > 0 && status !== statuses[at - 1]).length;
    assert.ok(turns <= 20, `answers of 200 and 404 are mixed: ${turns} turns`);
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

  const faults: [string, string, RegExp][] = [
    ["crashes", `"GET /crash": () => { for (;;) {} }`, /CPU|answer|loop|busy|seconds|ms/i],
    [
      "answers with errors",
      `"GET /crash": () => { throw new Error("broken"); }`,
      /of its first \d+ requests failed/,
    ],
  ];
  for (const [what, route, pattern] of faults) {
    test(`a revision that ${what} in its first minute goes back by itself, in the server and in xcore.lock, and says so`, async () => {
      await using live = await openLive();
      const permissions = "permissions: { database: true }\n";
      const notes = live.repository(files("notes", "1.0.0", answering("one"), permissions));
      await add(live, notes);
      commit(notes, {
        ...files("notes", "1.1.0", `routes: { "GET /": () => "two", ${route} }`, permissions),
        "migrations/0001_new.sql":
          "-- migrate:up\ncreate table more (id int);\n-- migrate:down\ndrop table more;\n",
      });
      assert.equal((await update(live)).updated.length, 1);
      assert.equal(await (await fetch(`${live.address}/app/notes/`)).text(), "two");
      await Promise.allSettled(Array.from({ length: 25 }, () => fetch(`${live.address}/app/notes/crash`)));
      await until(
        () => live.version("notes"),
        (version) => version === "1.0.0",
      );
      assert.equal(
        await until(
          async () => (await fetch(`${live.address}/app/notes/`)).text(),
          (text) => text === "one",
        ),
        "one",
      );
      const { wentBack } = (await readLock(live.config.workspace)).plugins["notes"] ?? {};
      assert.equal(wentBack?.version, "1.1.0");
      assert.match(wentBack?.reason ?? "", pattern);
      assert.ok(
        live.log.some(({ message }) =>
          /1\.1\.0 failed its first minute and went back to 1\.0\.0/.test(message),
        ),
      );
      const status = (await (
        await fetch(`${live.address}/_xcore/plugins/notes`, { headers: { authorization: `Bearer ${token}` } })
      ).json()) as { wentBack: { version: string } };
      assert.equal(status.wentBack.version, "1.1.0");
      await using schemas = await openPluginSchemas(live.config, silentLogger);
      assert.deepEqual(await schemas.applied("notes"), []);
    });
  }

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

  test("a revision that stood its first minute is restarted where it is, as any other", async () => {
    await using live = await openLive(100);
    const notes = live.repository(files("notes", "1.0.0", answering("one")));
    await add(live, notes);
    commit(
      notes,
      files(
        "notes",
        "1.1.0",
        `routes: { "GET /": () => "two", "GET /crash": () => { throw new Error("no"); } }`,
      ),
    );
    await update(live);
    await until(
      () => live.log,
      (log) => log.some(({ message }) => /stood its first minute/.test(message)),
    );
    await Promise.all(Array.from({ length: 25 }, () => fetch(`${live.address}/app/notes/crash`)));
    assert.equal(await (await fetch(`${live.address}/app/notes/`)).text(), "two");
    assert.equal(await live.version("notes"), "1.1.0");
  });
});
