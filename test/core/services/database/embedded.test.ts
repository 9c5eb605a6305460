// The supervisor of the embedded Postgres, with real servers, several processes and real kills.
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import { sleep } from "../../../../src/core/base/deadline.ts";
import { systemPostgresBin } from "../../../../scripts/test-parts.ts";
import { silentLogger } from "../../../../src/core/base/log.ts";
import { findBinaries } from "../../../../src/core/services/database/embedded/binaries.ts";
import { inspectData, placesIn } from "../../../../src/core/services/database/embedded/data-folder.ts";
import { findPostmaster } from "../../../../src/core/services/database/embedded/postmaster.ts";
import { chooseUser } from "../../../../src/core/services/database/embedded/run-as.ts";
import { openEmbedded, type EmbeddedServer } from "../../../../src/core/services/database/embedded/server.ts";

const opener = fileURLToPath(new URL("opener.ts", import.meta.url));

async function project(
  parent = tmpdir(),
): Promise<AsyncDisposable & { folder: string; pid(): Promise<number> }> {
  const folder = await realpath(await mkdtemp(join(parent, "xcore-pg-")));
  const pid = async (): Promise<number> =>
    (await findPostmaster(placesIn(join(folder, ".xcore"), "database")))?.pid ?? 0;
  return {
    folder,
    pid,
    async [Symbol.asyncDispose]() {
      const left = await pid();
      if (left !== 0) process.kill(left, "SIGQUIT");
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    },
  };
}

function open(folder: string): Promise<EmbeddedServer> {
  return openEmbedded({
    service: "database",
    workspace: folder,
    stateFolder: join(folder, ".xcore"),
    logger: silentLogger,
  });
}

async function query(server: EmbeddedServer, text: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ ...server.connection });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

async function openElsewhere(folder: string): Promise<{ child: ChildProcess; arrival: string }> {
  const child = spawn(process.execPath, [opener, folder], { stdio: ["pipe", "pipe", "inherit"] });
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  return { child, arrival: chunk.toString().trim() };
}

async function leave(child: ChildProcess): Promise<void> {
  child.stdin?.end();
  await once(child, "exit");
}

test("the first start makes the data, a later one finds it, and the last one out stops the server", async () => {
  await using place = await project();
  await using first = await open(place.folder);
  assert.equal(first.arrival, "made");
  await query(first, "create table kept as select 7 as value");
  await using second = await open(place.folder);
  assert.equal(second.arrival, "attached");
  const pid = await place.pid();
  await first[Symbol.asyncDispose]();
  assert.equal(await place.pid(), pid, "somebody still uses it");
  await second[Symbol.asyncDispose]();
  assert.equal(await place.pid(), 0);
  await using third = await open(place.folder);
  assert.equal(third.arrival, "started");
  assert.deepEqual(await query(third, "select value from kept"), [{ value: 7 }]);
  await third[Symbol.asyncDispose]();
});

test("processes that start first at the same time share one server", async () => {
  await using place = await project();
  const opened = await Promise.all([1, 2, 3].map(() => openElsewhere(place.folder)));
  await using here = await open(place.folder);
  assert.equal(here.arrival, "attached");
  assert.ok(opened.some(({ arrival }) => arrival !== "attached"));
  const rows = await query(
    here,
    "select count(*)::int as n from pg_stat_activity where application_name = 'xcore presence'",
  );
  assert.deepEqual(rows, [{ n: 4 }]);
  await Promise.all(opened.map(({ child }) => leave(child)));
  assert.notEqual(await place.pid(), 0);
  await here[Symbol.asyncDispose]();
  assert.equal(await place.pid(), 0);
});

test("processes that leave at the same time stop the server once", async () => {
  await using place = await project();
  const opened = await Promise.all([1, 2, 3].map(() => openElsewhere(place.folder)));
  await Promise.all(opened.map(({ child }) => leave(child)));
  assert.deepEqual(
    opened.map(({ child }) => child.exitCode),
    [0, 0, 0],
  );
  assert.equal(await place.pid(), 0);
});

test("a core killed with -9 leaves the server, and the next one attaches", async () => {
  await using place = await project();
  const { child } = await openElsewhere(place.folder);
  const pid = await place.pid();
  child.kill("SIGKILL");
  await once(child, "exit");
  await using next = await open(place.folder);
  assert.equal(next.arrival, "attached");
  assert.equal(await place.pid(), pid);
  // The server needs a moment to see that the killed one's session is gone.
  const sessions = "select from pg_stat_activity where application_name = 'xcore presence'";
  while ((await query(next, sessions)).length > 1) await sleep(5);
  await next[Symbol.asyncDispose]();
  assert.equal(await place.pid(), 0);
});

test("a postmaster killed with -9 is started again under the core that uses it", async () => {
  await using place = await project();
  await using server = await open(place.folder);
  await query(server, "create table kept as select 7 as value");
  const killed = await place.pid();
  process.kill(killed, "SIGKILL");
  const until = Date.now() + 60_000;
  let rows: unknown;
  while (rows === undefined && Date.now() < until) {
    rows = await query(server, "select value from kept").catch(() => undefined);
    await sleep(20);
  }
  assert.deepEqual(rows, [{ value: 7 }]);
  assert.notEqual(await place.pid(), killed);
  await server[Symbol.asyncDispose]();
  assert.equal(await place.pid(), 0);
});

test("core and postmaster both killed with -9: the next start works", async () => {
  await using place = await project();
  const { child } = await openElsewhere(place.folder);
  process.kill(await place.pid(), "SIGKILL");
  child.kill("SIGKILL");
  await once(child, "exit");
  await using next = await open(place.folder);
  assert.equal(next.arrival, "started");
  await next[Symbol.asyncDispose]();
});

test("a copy of a running project gets a server of its own", async () => {
  await using place = await project();
  await using copy = await project();
  await using original = await open(place.folder);
  await cp(place.folder, copy.folder, { recursive: true, filter: (path) => !path.endsWith(".s.PGSQL.5432") });
  const owner = await stat(join(place.folder, ".xcore/database/data"));
  const data = join(copy.folder, ".xcore/database/data");
  await promisify(execFile)("chown", ["-R", `${owner.uid}:${owner.gid}`, data]);
  await using copied = await open(copy.folder);
  assert.equal(copied.arrival, "started");
  assert.notEqual(await copy.pid(), await place.pid());
  await copied[Symbol.asyncDispose]();
  assert.notEqual(await place.pid(), 0);
  await original[Symbol.asyncDispose]();
});

test("a path too long for a socket is reached by a short link", async () => {
  await using place = await project();
  const folder = join(place.folder, "x".repeat(120));
  await mkdir(folder);
  await using server = await open(folder);
  assert.ok(server.connection.host.length < 100);
  assert.deepEqual(await query(server, "select 1 as one"), [{ one: 1 }]);
  await server[Symbol.asyncDispose]();
});

// A container or CI runs as root; elsewhere these two are run by hand.
const needsRoot =
  "needs root: sudo -E env PATH=$PATH node --no-node-snapshot --test test/core/services/database/embedded.test.ts";

test("a root core runs it as another user, in a project that only root may enter", async (t) => {
  if (process.getuid?.() !== 0) return t.skip(needsRoot);
  await using place = await project();
  const closed = join(place.folder, "closed");
  await mkdir(closed, { mode: 0o700 });
  await chmod(place.folder, 0o700);
  await using server = await open(closed);
  const data = await stat(join(closed, ".xcore/database/data"));
  assert.notEqual(data.uid, 0);
  assert.equal(data.mode & 0o777, 0o700);
  assert.deepEqual(await query(server, "select 1 as one"), [{ one: 1 }]);
  await server[Symbol.asyncDispose]();
});

test("programs that Postgres' user can't reach are copied to where it can", async (t) => {
  if (process.getuid?.() !== 0) return t.skip(needsRoot);
  const nobody = { uid: 65_534, gid: 65_534, name: "nobody" };
  const own = dirname((await findBinaries(undefined)).folder);
  await using place = await project();
  const hidden = join(place.folder, "hidden");
  await mkdir(hidden, { mode: 0o700 });
  for (const part of ["native", "package.json"]) await symlink(join(own, part), join(hidden, part));
  const copied = await findBinaries(nobody, hidden);
  assert.ok(!copied.folder.startsWith(hidden));
  const version = spawn(join(copied.folder, "bin/postgres"), ["--version"], { uid: 65_534, gid: 65_534 });
  assert.deepEqual(await once(version, "exit"), [0, null]);
  assert.equal((await findBinaries(nobody, hidden)).folder, copied.folder);
});

test("a data folder of another user is refused with the way out", async (t) => {
  await using place = await project();
  const places = placesIn(join(place.folder, ".xcore"), "database");
  await mkdir(places.data, { recursive: true });
  await writeFile(join(places.data, "PG_VERSION"), "18\n");
  t.mock.method(process as { getuid(): number }, "getuid", () => 54_321);
  await assert.rejects(inspectData(places, 18), {
    code: "DATA_FOLDER_FOREIGN",
    message: /belongs to \w+, and this is uid 54321/,
    hint: /chown -R 54321/,
  });
});

test("data of another major version is refused and left alone", async () => {
  await using place = await project();
  const places = placesIn(join(place.folder, ".xcore"), "database");
  await mkdir(places.data, { recursive: true });
  await writeFile(join(places.data, "PG_VERSION"), "15\n");
  await assert.rejects(open(place.folder), {
    code: "DATA_FOLDER_VERSION",
    message: /made by Postgres 15, and this xcore brings Postgres \d+/,
  });
  assert.equal(await readFile(join(places.data, "PG_VERSION"), "utf8"), "15\n");
});

test("data that a real older Postgres made is refused with the way out, and is still good for that one", async (t) => {
  const bin = await systemPostgresBin();
  const run = promisify(execFile);
  const { major } = await findBinaries(undefined);
  const theirs = /\d+/.exec((await run(join(bin, "postgres"), ["--version"])).stdout)?.[0] ?? "";
  if (theirs === String(major)) return t.skip(`the system's Postgres is ${theirs}, too`);
  await using place = await project();
  const { home, data } = placesIn(join(place.folder, ".xcore"), "database");
  await mkdir(data, { recursive: true });
  const user = await chooseUser(join(place.folder, "none"), place.folder);
  if (user !== undefined) await run("chown", ["-R", `${user.uid}:${user.gid}`, place.folder]);
  await run(join(bin, "initdb"), ["-D", data, "-U", "xcore", "--no-sync"], { ...user, cwd: home });
  const files = async (): Promise<string[]> => (await readdir(data, { recursive: true })).sort();
  const before = await files();
  await assert.rejects(open(place.folder), {
    code: "DATA_FOLDER_VERSION",
    message: `the data in ${data} was made by Postgres ${theirs}, and this xcore brings Postgres ${major}`,
    hint: /Postgres \d+: xcore db dump <file>\. Then move .*\.xcore\/database away, and with this one: xcore db restore/,
  });
  assert.deepEqual(await files(), before);
  const { stdout } = await run(join(bin, "pg_controldata"), ["-D", data], user ?? {});
  assert.match(stdout, /cluster state:\s+shut down/);
});

test("a folder that holds something else is refused and left alone", async () => {
  await using place = await project();
  const places = placesIn(join(place.folder, ".xcore"), "database");
  await mkdir(places.data, { recursive: true });
  await writeFile(join(places.data, "thesis.txt"), "mine");
  await assert.rejects(open(place.folder), { code: "SERVICE_FAILED", message: /no Postgres data folder/ });
  assert.equal(await readFile(join(places.data, "thesis.txt"), "utf8"), "mine");
});
