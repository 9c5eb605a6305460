import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { runTool } from "../../../src/core/scaffold/tools.ts";

const never = new AbortController().signal;

test("a tool's success and failure are told with what it said", async () => {
  const good = await runTool("node", ["-e", "console.log('fine')"], { cwd: tmpdir(), signal: never });
  assert.deepEqual(good, { ok: true, output: "fine" });
  const bad = await runTool("node", ["-e", "console.error('broken'); process.exit(3)"], {
    cwd: tmpdir(),
    signal: never,
  });
  assert.deepEqual(bad, { ok: false, output: "broken" });
});

test("a tool that is not there is named", async () => {
  const result = await runTool("no-such-tool", [], { cwd: tmpdir(), signal: never });
  assert.deepEqual(result, { ok: false, output: "no-such-tool is not installed" });
});

test("an abort ends the tool with all it started before it rejects", async () => {
  const controller = new AbortController();
  // The grandchild holds the same stdout: the call could not settle while it lives.
  const script =
    "require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' }); setInterval(() => {}, 1000)";
  const running = runTool("node", ["-e", script], { cwd: tmpdir(), signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
});
