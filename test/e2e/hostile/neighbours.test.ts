// Writes of neighbours in a shared host that must be killed: what had not started is done elsewhere, and nothing is done twice.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { openArena, type Arena } from "../../support/arena.ts";
import { hostCpuMs } from "../../support/host-cpu.ts";
import { pluginFiles, until } from "../../support/workspace.ts";

const table =
  "-- migrate:up\ncreate table writes (key text not null);\n-- migrate:down\ndrop table writes;\n";
const writer = `export default definePlugin({ routes: {
  "POST /:key": async (request, { db, params }) => { await db.sql\`insert into writes (key) values (\${params.key})\`; return "written"; },
  "GET /": async (request, { db }) => (await db.sql\`select key from writes\`).map((row) => row.key),
} });`;

async function openWithWriters(culprits: readonly string[]): Promise<Arena> {
  const isolation = Object.fromEntries(culprits.map((name) => [name, "shared"]));
  const arena = await openArena(culprits, { isolation });
  for (const name of ["writer", "scribe"]) {
    const files = {
      ...pluginFiles(name, writer, "limits: { timeout: 30s }\npermissions: { database: true }\n"),
      [`plugins/${name}/migrations/0001_writes.sql`]: table,
    };
    for (const [path, text] of Object.entries(files)) await arena.workspace.write(path, text);
  }
  await arena.server.admin("/plugins/sync", { method: "POST" });
  return arena;
}

interface Outcome {
  key: string;
  status: number;
  text: string;
  at: number;
}

async function write(arena: Arena, name: string, key: string): Promise<Outcome> {
  const answer = await arena.server.get(`/app/${name}/${key}`, { method: "POST" });
  const text = await answer.text();
  return { key, status: answer.status, text, at: performance.now() };
}

const written = async (arena: Arena, name: string): Promise<string[]> =>
  (await (await arena.server.get(`/app/${name}/`)).json()) as string[];

describe("neighbours in a shared host that is killed", () => {
  test("lose no write that came while the host was stuck, and do none of them twice", async (t) => {
    await using arena = await openWithWriters(["far-searcher"]);
    const { hostPid } = await arena.load("far-searcher");
    assert.equal(hostPid, (await arena.status("writer")).hostPid, "they share a host");
    const before = hostCpuMs(hostPid);
    const stuck = arena.server.get("/app/far-searcher/").then(() => performance.now());
    await until(
      () => hostCpuMs(hostPid) - before,
      (spentMs) => spentMs > 50,
    );
    const keys = Array.from({ length: 20 }, (_, n) => `key-${n}`);
    const outcomes = await Promise.all(
      keys.flatMap((key) => [write(arena, "writer", key), write(arena, "scribe", key)]),
    );
    assert.deepEqual(
      outcomes.filter(({ status }) => status !== 200),
      [],
    );
    const endedAt = await stuck;
    const outageMs = Math.min(...outcomes.map(({ at }) => at)) - endedAt;
    t.diagnostic(
      `${outcomes.length} writes waited; the first was answered ${Math.round(outageMs)} ms after the host's end`,
    );
    assert.equal(arena.ends("far-searcher")[0]?.["killedHost"], true);
    for (const name of ["writer", "scribe"]) {
      assert.deepEqual((await written(arena, name)).toSorted(), keys.toSorted());
    }
  });

  test("under steady load do every acknowledged write once, and fail only such as had begun", async (t) => {
    await using arena = await openWithWriters(["far-searcher", "sorter"]);
    const ended = new AbortController();
    const outcomes: Outcome[] = [];
    const clients = Array.from({ length: 4 }, async (_, client) => {
      for (let n = 0; !ended.signal.aborted; n += 1) {
        outcomes.push(await write(arena, "writer", `${client}-${n}`));
        await pause(1);
      }
    });
    for (const culprit of ["far-searcher", "sorter"]) {
      await arena.load(culprit);
      await (await arena.server.get(`/app/${culprit}/`)).text();
      await until(
        () => arena.ends(culprit).length,
        (count) => count > 0,
      );
      const seen = outcomes.length;
      await until(
        () => outcomes.length,
        (count) => count > seen + 8,
      );
    }
    ended.abort();
    await Promise.all(clients);
    const failed = outcomes.filter(({ status }) => status !== 200);
    t.diagnostic(`${outcomes.length} writes under two kills; ${failed.length} that had begun failed`);
    for (const { text } of failed) assert.match(text, /PLUGIN_CRASHED/);
    const rows = await written(arena, "writer");
    assert.equal(new Set(rows).size, rows.length, "none was done twice");
    const stored = new Set(rows);
    const lost = outcomes.filter(({ status, key }) => status === 200 && !stored.has(key));
    assert.deepEqual(lost, []);
  });
});
