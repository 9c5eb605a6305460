// xcore plugin inspect against a control socket: it says where to look, keeps the inspection alive, and ends it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { openControlServer, type Answer } from "./support/control-server.ts";
import { ended, makeWorkspace, start, xcore } from "./support/run.ts";

const address = {
  webSocket: "ws://127.0.0.1:4000/secret",
  devtools: "devtools://devtools/bundled/js_app.html?ws=127.0.0.1:4000/secret",
  list: "http://127.0.0.1:4000/secret/json/list",
};

describe("xcore plugin inspect", () => {
  it("prints the address alone on stdout, runs until it is interrupted, and has the inspection ended", async () => {
    await using workspace = await makeWorkspace();
    const asked: string[] = [];
    const answer = (operation: string): Answer => {
      asked.push(operation);
      return { result: operation === "plugin.inspect" ? address : null };
    };
    await using _server = await openControlServer(workspace.stateFolder, answer);
    const child = start(["plugin", "inspect", "notes"], { cwd: workspace.folder });
    child.stdout.once("data", () => child.kill("SIGINT"));
    const { code, stdout, stderr } = await ended(child);
    assert.equal(code, 0, stderr);
    assert.equal(stdout.trim(), address.devtools);
    assert.match(stderr, /Limits of CPU and time do not hold for 'notes' now/);
    assert.match(stderr, /'notes' runs under its limits again/);
    assert.deepEqual(asked, ["plugin.inspect", "plugin.uninspect"]);
  });

  it("says why a plugin can't be inspected, and that a server is needed", async () => {
    await using workspace = await makeWorkspace();
    const without = await xcore(["plugin", "inspect", "notes"], { cwd: workspace.folder });
    assert.equal(without.code, 3);
    const refused: Answer = {
      error: { code: "FORBIDDEN", message: "plugin 'notes' is trusted", hint: "Do otherwise." },
    };
    await using _server = await openControlServer(workspace.stateFolder, () => refused);
    const { code, stderr } = await xcore(["plugin", "inspect", "notes"], { cwd: workspace.folder });
    assert.equal(code, 77);
    assert.match(stderr, /plugin 'notes' is trusted/);
  });
});
