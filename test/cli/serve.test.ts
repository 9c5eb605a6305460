// xcore serve, status and stop together: a real core on its embedded services.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import type { StatusReport } from "../../src/core/status.ts";
import { until } from "../support/workspace.ts";
import { ended, makeWorkspace, start, xcore, type Ended, type Running } from "./support/run.ts";

const yaml = "name: shop\nserver: { port: 0 }\n";

/** The address in what a server says when it is ready; rejects when it ends before. */
async function ready(child: Running, end: Promise<Ended>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = "";
  child.stderr.on("data", (chunk: string) => {
    said += chunk;
    const address = /is ready at (\S+)/.exec(said)?.[1];
    if (address !== undefined) resolve(address);
  });
  void end.then(({ code, stderr, stdout }) => reject(new Error(`ended with ${code}: ${stderr}${stdout}`)));
  return await promise;
}

async function holdPort(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

describe("xcore serve", () => {
  it("says where it listens, is seen by status, and ends with xcore stop", async () => {
    await using workspace = await makeWorkspace(yaml);
    const child = start(["serve"], { cwd: workspace.folder });
    const end = ended(child);
    const address = await ready(child, end);
    assert.equal((await fetch(`${address}/livez`)).status, 200);

    const waited = await xcore(["status", "--wait", "--json"], { cwd: workspace.folder });
    const report = JSON.parse(waited.stdout) as StatusReport;
    assert.equal(waited.code, 0);
    assert.equal(report.core.address, address);
    assert.equal(report.core.pid, child.pid);

    const second = await xcore(["serve"], { cwd: workspace.folder });
    assert.equal(second.code, 75);
    assert.match(second.stderr, /running already[^]*xcore status/);

    assert.equal((await xcore(["stop"], { cwd: workspace.folder })).code, 0);
    const { code, stdout } = await end;
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split("\n");
    assert.ok(lines.map((line) => JSON.parse(line) as { msg: string }).some(({ msg }) => msg === "ready"));
    assert.equal((await xcore(["status"], { cwd: workspace.folder })).code, 3);
  });

  it("ends with 130 on Ctrl-C and with 0 on SIGTERM", async () => {
    await using workspace = await makeWorkspace(yaml);
    for (const [signal, expected] of [["SIGINT", 130] as const, ["SIGTERM", 0] as const]) {
      const child = start(["serve"], { cwd: workspace.folder });
      const end = ended(child);
      await ready(child, end);
      child.kill(signal);
      assert.equal((await end).code, expected, signal);
    }
  });

  it("exits 69 and says who holds a port that was asked for", async () => {
    await using workspace = await makeWorkspace(yaml);
    const { server, port } = await holdPort();
    try {
      const { code, stderr } = await xcore(["serve", "--port", String(port)], { cwd: workspace.folder });
      assert.equal(code, 69);
      assert.match(stderr, new RegExp(`port ${port} is taken[^]*Try this:[^]*--port`));
    } finally {
      server.close();
    }
  });

  it("moves from a taken default port and says so", async () => {
    await using workspace = await makeWorkspace("name: shop\n");
    const holder = createServer();
    holder.listen(8082, "127.0.0.1");
    // Where somebody else holds it, it is taken, too.
    await once(holder, "listening").catch(() => undefined);
    const child = start(["serve"], { cwd: workspace.folder });
    const end = ended(child);
    try {
      const address = await ready(child, end);
      assert.notEqual(new URL(address).port, "8082");
    } finally {
      holder.close();
      child.kill("SIGTERM");
    }
    assert.match((await end).stderr, /Port 8082 is taken; another one was chosen/);
  });

  it("writes one JSON document a line with --json", async () => {
    await using workspace = await makeWorkspace(yaml);
    const child = start(["serve", "--json"], { cwd: workspace.folder });
    const end = ended(child);
    let said = "";
    child.stdout.on("data", (chunk: string) => (said += chunk));
    await until(
      () => said.includes('"msg":"ready"') || child.exitCode !== null,
      (over) => over,
    );
    child.kill("SIGTERM");
    const { code, stdout, stderr } = await end;
    assert.equal(code, 0, stdout);
    const documents = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(documents.at(-1)?.["ok"], true);
    assert.equal(documents.at(-1)?.["stoppedBy"], "SIGTERM");
    assert.equal(stderr, "");
  });
});
