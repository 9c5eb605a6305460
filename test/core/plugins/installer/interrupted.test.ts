// Update, rollback and rm cut off by kill -9, by a full disk or by a lost network: the old state or the new one, never between.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { packageFile } from "../../../../src/core/base/package-root.ts";
import { readMigrations } from "../../../../src/core/plugin-schemas.ts";
import { addPlugin } from "../../../../src/core/plugins/installer/add.ts";
import { updatePlugins } from "../../../../src/core/plugins/installer/update.ts";
import { verifyInstalled } from "../../../../src/core/plugins/installer/verify.ts";
import { readLock, storeFolder } from "../../../../src/core/plugins/lock.ts";
import { openGitServer } from "./git-server.ts";
import { commit, makeProject, makeRepository, pluginFiles, type Project } from "./workspace.ts";

const trial = async (): Promise<void> => undefined;
const consent = async (): Promise<boolean> => true;
const permitted = "permissions: { cache: true }\n";

const calls = {
  update: `updatePlugins({ ...options, names: [], breakDependants: false, consent, readMigrations, trial })`,
  rollback: `rollbackPlugin({ ...options, name: "notes", breakDependants: false, undoMigrations: false, readMigrations, trial,
    openSchemas: async () => { throw new Error("it has no data"); } })`,
  rm: `removePlugin({ ...options, name: "notes", data: "keep", openData: async () => { throw new Error("it has no data"); } })`,
} as const;

type Call = keyof typeof calls;

function script(project: Project, call: Call, stopAt: string): string {
  const from = (path: string): string => JSON.stringify(packageFile(`src/core/${path}`));
  return `
    const { updatePlugins } = await import(${from("plugins/installer/update.ts")});
    const { rollbackPlugin } = await import(${from("plugins/installer/rollback.ts")});
    const { removePlugin } = await import(${from("plugins/installer/remove.ts")});
    const { readMigrations } = await import(${from("plugin-schemas.ts")});
    const { readConfig } = await import(${from("config/read.ts")});
    const stop = async (at) => {
      process.stdout.write(at + "\\n");
      if (at === ${JSON.stringify(stopAt)}) await new Promise((resolve) => setTimeout(resolve, 60_000));
    };
    const config = await readConfig({ workspace: ${JSON.stringify(project.folder)}, env: {} });
    const consent = async () => { await stop("consent"); return true; };
    const trial = () => stop("trial");
    const options = { config, notify: async () => { await stop("notify"); return undefined; } };
    const report = await ${calls[call]};
    if (report.failed?.length > 0) process.stdout.write(JSON.stringify(report.failed) + "\\n", () => process.exit(1));
    else process.stdout.write("done\\n", () => process.exit(0));`;
}

interface Run {
  call: Call;
  /** Killed as soon as it says this. */
  at?: string;
  delayMs?: number;
  /** The largest file it may write. */
  fileKb?: number;
}

async function run(project: Project, { call, at = "never", delayMs, fileKb }: Run): Promise<string> {
  const node = [process.execPath, "--input-type=module", "-e", script(project, call, at)];
  // The signal ignored, a write beyond the limit is an error, as on a full disk.
  const limited = ["-c", `trap '' XFSZ; ulimit -f ${fileKb}; exec "$@"`, "bash", ...node];
  const [program = "", ...args] = fileKb === undefined ? node : ["bash", ...limited];
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes(`${at}\n`)) child.kill("SIGKILL");
    });
  }
  const timer = delayMs === undefined ? undefined : setTimeout(() => child.kill("SIGKILL"), delayMs);
  await once(child, "close");
  clearTimeout(timer);
  return said;
}

/** Its version, with every file as the lock has it; undefined when it is not installed. */
async function installed(project: Project): Promise<string | undefined> {
  const entry = (await readLock(project.folder)).plugins["notes"];
  if (entry === undefined) return undefined;
  for (const one of [entry, entry.previous ?? entry])
    await verifyInstalled(one, storeFolder(project.config.stateFolder, "notes", one));
  return entry.version;
}

/** notes 1.0.0 is installed, 1.1.0 is there to be had; `updated`: 1.1.0 is installed and 1.0.0 is kept. */
async function prepared(options: { updated: boolean; content?: Buffer }): Promise<Project> {
  const project = await makeProject();
  const folder = makeRepository(project.place("notes"), pluginFiles("notes"));
  const { config } = project;
  await addPlugin({ config, source: folder, consent, trial });
  commit(folder, {
    ...pluginFiles("notes", permitted, "1.1.0"),
    "big.dat": options.content ?? Buffer.alloc(10),
  });
  const update = { config, names: [], breakDependants: false, consent, readMigrations, trial };
  if (options.updated) assert.equal((await updatePlugins(update)).updated.length, 1);
  return project;
}

describe("killed with -9", () => {
  const cases: [Call, string, string | undefined][] = [
    ["update", "consent", "1.0.0"],
    ["update", "trial", "1.0.0"],
    ["update", "notify", "1.1.0"],
    ["rollback", "notify", "1.0.0"],
    ["rm", "notify", undefined],
  ];
  for (const [call, at, expected] of cases) {
    test(`${call} at its ${at} leaves ${expected ?? "nothing"} installed, and it can be done again`, async () => {
      await using project = await prepared({ updated: call !== "update" });
      await run(project, { call, at });
      assert.equal(await installed(project), expected);
      if (call !== "update") return;
      assert.match(await run(project, { call }), /done/);
      assert.equal(await installed(project), "1.1.0");
      assert.equal(existsSync(join(project.config.stateFolder, "staging")), false);
    });
  }

  for (const call of ["update", "rollback", "rm"] as const) {
    test(`${call} at any moment leaves the old state or the new one`, async () => {
      await using project = await prepared({ updated: call !== "update" });
      const before = await installed(project);
      for (let delayMs = 80; delayMs < 1500; delayMs += 120) {
        const said = await run(project, { call, delayMs });
        const now = await installed(project);
        const after = { update: "1.1.0", rollback: "1.0.0", rm: undefined }[call];
        assert.ok(now === before || now === after, String(now));
        const leftovers = readdirSync(project.folder).filter((name) => name.endsWith(".tmp"));
        assert.ok(leftovers.length <= 1, leftovers.join());
        if (now === after || said.includes("done")) break;
      }
    });
  }
});

describe("cut off", () => {
  test("an update that finds the disk full changes nothing, and says so", async () => {
    await using project = await prepared({ updated: false, content: Buffer.alloc(200_000, 7) });
    const before = project.snapshot();
    const said = await run(project, { call: "update", fileKb: 64 });
    assert.match(said, /DISK_FULL/);
    assert.deepEqual(project.snapshot(), before);
    assert.match(await run(project, { call: "update" }), /done/);
  });

  test("an update that loses its network midway changes nothing", async () => {
    await using project = await makeProject();
    const folder = makeRepository(project.place("served/notes"), pluginFiles("notes"));
    let lost = false;
    await using server = await openGitServer({
      root: project.place("served"),
      instead: (url, respond) => {
        if (!lost || !url.endsWith("/git-upload-pack")) return false;
        respond(200, { "content-type": "application/x-git-upload-pack-result", "content-length": "100000" });
        return true;
      },
    });
    const { config } = project;
    await addPlugin({ config, source: `${server.url}/notes`, consent, trial });
    commit(folder, pluginFiles("notes", "", "1.1.0"));
    const before = project.snapshot();
    lost = true;
    const update = { config, names: [], breakDependants: false, consent, readMigrations, trial };
    assert.equal((await updatePlugins(update)).failed[0]?.code, "SOURCE_UNREACHABLE");
    assert.deepEqual(project.snapshot(), before);
    lost = false;
    assert.equal((await updatePlugins(update)).updated[0]?.to, "1.1.0");
  });
});
