// What crosses the wall lies outside of V8's heaps: it must not pile up in the host of a plugin that does nothing wrong.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { silentLogger } from "../../../src/core/base/log.ts";
import { bundlePlugin } from "../../../src/core/sandbox/bundle.ts";
import { createSandboxPool } from "../../../src/core/sandbox/pool.ts";
import { Crossing } from "../../../src/wire/crossing.ts";
import { ensureBuilt } from "./built.ts";
import { patient } from "./pool.ts";
import { rawOptions } from "./raw.ts";

test("a plugin with a limit of 64 MB gives 320 MB in answers of 8 KB, and its host stays small", async (t) => {
  await ensureBuilt();
  const folder = await mkdtemp(join(tmpdir(), "xcore-crossing-"));
  await using pool = patient(createSandboxPool({ logger: silentLogger, spare: false }));
  try {
    await writeFile(
      join(folder, "index.ts"),
      `import { definePlugin } from "xcore/plugin";
       const rows = Array.from({ length: 100 }, (_, id) => ({ id, title: "a note of some length " + id, body: "x".repeat(32) }));
       export default definePlugin({ routes: { "GET /": () => rows } });`,
    );
    const bundle = await bundlePlugin({ folder, entry: "index.ts", label: "notes@1.0.0" });
    const sandbox = await pool.open({ ...rawOptions("", { label: "notes@1.0.0" }), ...bundle });
    const request = { method: "GET", url: "http://x/", headers: [], body: "", encoding: "utf8" } as const;
    let left = 40_000;
    const ask = async (): Promise<void> => {
      while ((left -= 1) >= 0) await sandbox.request(request, { timeoutMs: 60_000 });
    };
    await Promise.all(Array.from({ length: 64 }, ask));
    const megabytes = (pool.hosts()[0]?.rssBytes ?? 0) / 1024 ** 2;
    t.diagnostic(`the host holds ${megabytes.toFixed(0)} MB`);
    await sandbox.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the young generation is collected every 2 M characters, the old one every eighth time", () => {
  const collected: string[] = [];
  const crossing = new Crossing(({ type }) => collected.push(type));
  for (let at = 0; at < 160; at += 1) crossing.note(100 * 1024 + 512);
  assert.deepEqual(
    collected,
    Array.from({ length: 7 }, () => "minor"),
  );
  for (let at = 0; at < 21; at += 1) crossing.note(100 * 1024);
  assert.deepEqual(collected.at(-1), "major");
});
