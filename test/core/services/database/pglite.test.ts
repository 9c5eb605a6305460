// PGlite as the database: what it can do is as everywhere, what it can't is refused and said.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Client } from "pg";
import type { DatabaseService } from "../../../../src/core/services/database/database.ts";
import { pglite } from "../../../../src/core/services/database/pglite.ts";
import { databaseConformance, Guest } from "../../../conformance/database.ts";
import { identity, openProvider, testPglite, until } from "../../../support/services.ts";
import { keptLog } from "../../../support/workspace.ts";

databaseConformance("pglite", testPglite);

async function place(): Promise<AsyncDisposable & { folder: string }> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-pglite-")));
  return {
    folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 10 }),
  };
}

const open = async (folder: string, logger = keptLog()): Promise<DatabaseService> =>
  (await openProvider(pglite, { name: "database", folder, logger })) as DatabaseService;

test("it says what it is, keeps its data, and belongs to one process at a time", async () => {
  await using home = await place();
  const logger = keptLog();
  const first = await open(home.folder, logger);
  assert.ok(logger.lines.some(({ level, message }) => level === "warn" && /for development/.test(message)));
  assert.equal(first.single, true);
  assert.equal(first.tenants, false);
  const guest = new Guest(await first.forPlugin(identity("notes")));
  await guest.query("create table kept as select 7 as value");
  await assert.rejects(open(home.folder), {
    code: "LOCKED",
    message: /belongs to one process, and process \d+ has it/,
  });
  const elsewhere = fileURLToPath(new URL("pglite-opener.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [elsewhere, home.folder]);
  assert.match(stdout, /^LOCKED/);
  await guest.facade[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  // As a process leaves it that was killed.
  await writeFile(join(home.folder, ".xcore/database/pglite.pid"), "2147483646\n");
  await using second = await open(home.folder);
  const again = new Guest(await second.forPlugin(identity("notes")));
  assert.deepEqual((await again.query("select value from kept")).rows, [{ value: 7 }]);
  await again.facade[Symbol.asyncDispose]();
});

test("clients at the same time keep their roles and settings apart, and wait for each other's transactions", async () => {
  await using database = await testPglite();
  const { service } = database;
  const clients = await Promise.all(
    ["one", "two"].map(async (name) => {
      const client = new Client({ ...(await service.connectionOf(name)) });
      await client.connect();
      await client.query(`set application_name = 'named ${name}'`);
      return { name, client };
    }),
  );
  await service.pool.query("create table public.log (id int generated always as identity, line text)");
  await Promise.all([
    ...clients.map(async ({ name, client }) => {
      for (let round = 0; round < 20; round += 1) {
        const { rows } = await client.query<{ user: string; path: string; app: string }>(
          "select current_user as user, current_setting('search_path') as path, current_setting('application_name') as app",
        );
        assert.deepEqual(rows, [{ user: `plugin_${name}`, path: `plugin_${name}`, app: `named ${name}` }]);
      }
    }),
    ...[1, 2, 3].map(async (n) => {
      const client = await service.pool.connect();
      await client.query("begin");
      for (const step of ["in", "out"])
        await client.query("insert into public.log (line) values ($1)", [`${n} ${step}`]);
      await client.query("commit");
      client.release();
    }),
  ]);
  const { rows } = await service.pool.query<{ line: string }>("select line from public.log order by id");
  for (let at = 0; at < rows.length; at += 2)
    assert.equal(rows[at]?.line.slice(0, 2), rows[at + 1]?.line.slice(0, 2));
  await Promise.all(clients.map(({ client }) => client.end()));
});

test("a plugin from elsewhere is refused, since nothing would keep it from the data of others", async () => {
  await using database = await testPglite();
  await assert.rejects(database.service.forPlugin({ ...identity("stranger"), own: false }), {
    code: "PERMISSION_NOT_APPROVED",
    message: /'stranger' comes from elsewhere/,
  });
});

test("a client that leaves in the middle of a transaction gives its turn back", async () => {
  await using database = await testPglite();
  const client = new Client({ ...database.service.connection });
  client.on("error", () => undefined);
  await client.connect();
  await client.query("begin");
  await client.query("create table half (id int)");
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
  await until(async () => (await database.service.check(5000)).ok);
  const { rows } = await database.service.pool.query("select to_regclass('half') as there");
  assert.deepEqual(rows, [{ there: null }]);
});
