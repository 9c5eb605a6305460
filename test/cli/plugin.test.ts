// xcore plugin …: the built command line against a project, with and without its server.
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { commit, makeRepository, pluginFiles, write } from "../core/plugins/installer/workspace.ts";
import { makeWorkspace, start, xcore, type Ended, type Running, type Workspace } from "./support/run.ts";

const code = (body: string): string =>
  `import { definePlugin } from "xcore/plugin";\nexport default definePlugin({ ${body} });\n`;

describe("xcore plugin", () => {
  let project: Workspace;
  let sources = "";

  before(async () => {
    project = await makeWorkspace("name: shop\nserver: { port: 0 }\n");
    sources = await mkdtemp(join(tmpdir(), "xcore-sources-"));
    makeRepository(join(sources, "notes"), {
      ...pluginFiles(
        "notes",
        "description: Keeps notes.\npermissions: { database: true, fetch: ['*.example.org'] }\n",
      ),
      "src/index.ts": code(
        `routes: { "GET /": () => "notes" }, actions: { echo: { run: (input) => ({ input }) } }`,
      ),
    });
    makeRepository(join(sources, "quiet"), pluginFiles("quiet"));
    makeRepository(join(sources, "broken"), {
      ...pluginFiles("broken", "permissions: { database: true }\n"),
      "src/index.ts": code(`start() { throw new Error("no start today"); }`),
    });
    makeRepository(join(sources, "needy"), pluginFiles("needy", "dependencies: { quiet: ^1.0.0 }\n"));
  });
  after(async () => {
    await rm(sources, { recursive: true, force: true });
    await project?.[Symbol.asyncDispose]();
  });

  const run = (...args: string[]): Promise<Ended> => xcore(["plugin", ...args], { cwd: project.folder });
  const json = async (...args: string[]): Promise<Record<string, unknown>> =>
    JSON.parse((await run(...args, "--json")).stdout) as Record<string, unknown>;
  const hasLock = (): boolean => existsSync(join(project.folder, "xcore.lock"));
  const all = "fetch=*.example.org,database";

  describe("without a server", () => {
    test("list says how to come by plugins where there are none", async () => {
      const { code: exit, stdout } = await run("list");
      assert.equal(exit, 0);
      assert.match(stdout, /xcore plugin new <name>.*xcore plugin add <source>/);
    });

    test("add without a terminal and without --allow ends with 77 and the flag to copy; --yes grants nothing", async () => {
      for (const flags of [[], ["--yes"]]) {
        const { code: exit, stderr, stdout } = await run("add", join(sources, "notes"), ...flags);
        assert.equal(exit, 77);
        assert.match(stderr, /notes 1\.0\.0: Keeps notes\./);
        assert.match(
          stderr,
          /- exchange data with any host under example\.org over the network\n {2}- keep data/,
        );
        assert.match(stderr, new RegExp(`--allow '${all.replaceAll("*", String.raw`\*`)}'`));
        assert.equal(stdout, "");
        assert.ok(!hasLock());
      }
    });

    test("add with too little, or with what is no permission, names it", async () => {
      const less = await run("add", join(sources, "notes"), "--allow", "database");
      assert.equal(less.code, 77);
      assert.match(less.stderr, /more than --allow covers: fetch=\*\.example\.org/);
      const wrong = await run("add", join(sources, "notes"), "--allow", "databse");
      assert.equal(wrong.code, 2);
      assert.match(wrong.stderr, /did you mean 'database'/);
      assert.ok(!hasLock());
    });

    test("add of a wrong source ends with 65 before anything is run", async () => {
      for (const source of ["ext::sh -c id", "http://example.com/a", "nowhere"]) {
        const { code: exit, stderr } = await run("add", source);
        assert.equal(exit, 65);
        assert.match(stderr, /SOURCE_INVALID/);
      }
      assert.equal((await run("add", "--", "--upload-pack=x")).code, 65);
      write(join(sources, "nameless"), { "plugin.yaml": "version: 1.0.0\n" });
      const nameless = await run("add", join(sources, "nameless"));
      assert.equal(nameless.code, 65);
      assert.match(nameless.stderr, /nameless\/plugin\.yaml:1:1 {2}name: missing key 'name'/);
      assert.ok(!nameless.stderr.includes("staging"), nameless.stderr);
    });

    test("add installs, list and info show it, rm removes it", async () => {
      const added = await json("add", join(sources, "quiet"));
      assert.partialDeepStrictEqual(added, {
        ok: true,
        name: "quiet",
        version: "1.0.0",
        mounted: false,
        mount: "/app/quiet/",
      });
      assert.match((await run("list")).stdout, /quiet +1\.0\.0 +installed +\S*quiet at [0-9a-f]/);
      assert.match((await run("info", "quiet")).stdout, /may +answer requests, and nothing else/);
      const again = await run("add", join(sources, "quiet"));
      assert.equal(again.code, 65);
      assert.match(again.stderr, /installed already.*\(PLUGIN_EXISTS\)[^]*xcore plugin rm quiet --data keep/);
      assert.deepEqual(await json("rm", "quiet"), {
        ok: true,
        format: 1,
        name: "quiet",
        data: "none",
        wasInstalled: true,
        unmounted: false,
      });
      assert.ok(!hasLock());
    });

    test("call and reload say that no server runs, with exit code 3", async () => {
      assert.equal((await run("call", "notes.echo")).code, 3);
      assert.equal((await run("reload", "notes")).code, 3);
      assert.equal((await run("call", "notes")).code, 2);
      assert.equal((await run("call", "notes.echo", "{")).code, 2);
    });
  });

  describe("with a server", () => {
    let server: Running;
    let address = "";

    before(async () => {
      server = start(["serve"], { cwd: project.folder });
      server.stdout.resume();
      const { promise, resolve, reject } = Promise.withResolvers<string>();
      let said = "";
      server.stderr.setEncoding("utf8").on("data", (text: string) => {
        said += text;
        const found = /is ready at (\S+)/.exec(said)?.[1];
        if (found !== undefined) resolve(found);
      });
      server.once("close", () => reject(new Error(`the server ended: ${said}`)));
      address = await promise;
    });
    after(async () => {
      server?.kill("SIGTERM");
      if (server?.exitCode === null) await once(server, "close");
    });

    const status = async (path: string): Promise<number> => (await fetch(`${address}${path}`)).status;

    test("add mounts at once, call runs an action, rm unmounts and keeps or drops the data", async () => {
      const added = await run("add", join(sources, "notes"), "--allow", all);
      assert.equal(added.code, 0, added.stderr);
      assert.match(added.stderr, /Installed notes 1\.0\.0; it is mounted under \/app\/notes\//);
      assert.equal(await (await fetch(`${address}/app/notes/`)).text(), "notes");
      assert.deepEqual(JSON.parse((await run("call", "notes.echo", '{"a":1}')).stdout), { input: { a: 1 } });
      const wrong = await run("call", "notes.ecko");
      assert.equal(wrong.code, 65);
      assert.match(wrong.stderr, /echo/);
      assert.match((await run("list")).stdout, /notes +1\.0\.0 +ready/);
      assert.match((await run("info", "notes")).stdout, /actions +echo/);
      assert.match((await run("reload", "notes")).stderr, /Reloaded notes 1\.0\.0 \(revision 2\)/);

      const removed = await run("rm", "notes");
      assert.match(removed.stderr, /Its data was kept; to drop it: xcore plugin rm notes --data drop/);
      assert.equal(await status("/app/notes/"), 404);
      assert.match(
        (await run("rm", "notes", "--data", "drop")).stderr,
        /Dropped the data that notes had left/,
      );
      await run("add", join(sources, "notes"), "--allow", all);
      const dumped = await json("rm", "notes", "--data", "dump");
      assert.partialDeepStrictEqual(dumped, { ok: true, data: "dropped" });
      assert.ok(existsSync(String(dumped["dump"])));
      await run("add", join(sources, "notes"), "--allow", all);
      await run("rm", "notes", "--data", "keep");
      const late = await json("rm", "notes", "--data", "dump");
      assert.partialDeepStrictEqual(late, { ok: true, data: "dropped", wasInstalled: false });
      assert.ok(existsSync(String(late["dump"])));
      const gone = await run("rm", "notes", "--data", "drop");
      assert.equal(gone.code, 65);
      assert.match(gone.stderr, /PLUGIN_NOT_FOUND/);
    });

    test("a plugin that does not start is taken back, with its schema, and the server is healthy", async () => {
      const failed = await json("add", join(sources, "broken"), "--allow", "database");
      assert.partialDeepStrictEqual(failed, { ok: false, error: { code: "PLUGIN_START" } });
      assert.ok(!hasLock());
      assert.deepEqual((await json("list"))["plugins"], []);
      assert.equal((await run("rm", "broken", "--data", "drop")).code, 65, "it has left no data");
      assert.equal((await xcore(["status"], { cwd: project.folder })).code, 0);
    });

    test("what others need stays; what was changed on disk is brought back by sync", async () => {
      await run("add", join(sources, "quiet"));
      await run("add", join(sources, "needy"));
      const refused = await run("rm", "quiet");
      assert.equal(refused.code, 65);
      assert.match(refused.stderr, /needed by 'needy'/);
      const { folder } = (await json("info", "quiet")) as { folder: string };
      write(folder, { "src/greeting.ts": "export const greeting = 'tampered';" });
      const reload = await run("reload", "quiet");
      assert.equal(reload.code, 65);
      assert.match(reload.stderr, /changed src\/greeting\.ts.*LOCK_MISMATCH/);
      assert.equal(await status("/app/quiet/"), 200, "the revision that was loaded keeps serving");
      commit(join(sources, "quiet"), pluginFiles("quiet", "", "2.0.0"));
      assert.partialDeepStrictEqual(await json("sync"), { fetched: ["quiet"], kept: ["needy"], told: true });
      assert.equal((await run("reload", "quiet")).code, 0);
      for (const name of ["needy", "quiet"]) assert.equal((await run("rm", name)).code, 0);
    });

    test("add, rm and reload at the same time end in a state that lock, store and server agree on", async () => {
      await Promise.all([
        run("add", join(sources, "notes"), "--allow", all),
        run("add", join(sources, "quiet")),
        run("rm", "quiet"),
        run("reload", "quiet"),
        run("rm", "notes"),
      ]);
      const { plugins } = (await json("list")) as { plugins: { name: string; state: string }[] };
      for (const { name, state } of plugins) {
        assert.equal(state, "ready", name);
        assert.equal(await status(`/app/${name}/`), 200);
      }
      const report = await json("sync");
      assert.deepEqual([report["fetched"], report["failed"]], [[], []]);
    });
  });
});
