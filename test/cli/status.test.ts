// xcore status against a real control socket and a real HTTP server that answer what the test wants.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { controlSocketPath } from "../../src/core/base/control-path.ts";
import { stateFolderOf } from "../../src/core/base/workspace.ts";
import { until } from "../support/workspace.ts";
import { openControlServer } from "./support/control-server.ts";
import { pluginStatus, statusReport } from "./support/report.ts";
import { makeWorkspace, start, xcore } from "./support/run.ts";

async function serveHttp(handler: RequestListener): Promise<AsyncDisposable & { url: string }> {
  const server = createServer(handler).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

describe("xcore status", () => {
  it("exits 0 and shows core, services, plugins and jobs of a healthy server within 80 columns", async () => {
    await using workspace = await makeWorkspace();
    const report = statusReport();
    await using _server = await openControlServer(workspace.stateFolder, () => ({ result: report }));
    const { code, stdout, stderr } = await xcore(["status"], { cwd: workspace.folder });
    assert.equal(code, 0);
    assert.equal(stderr, "");
    for (const shown of ["healthy", "database", "notes", "12/64M", "3 waiting"])
      assert.ok(stdout.includes(shown), shown);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
  });

  it("is found from a folder below the project", async () => {
    await using workspace = await makeWorkspace();
    await using _server = await openControlServer(workspace.stateFolder, () => ({ result: statusReport() }));
    const { code } = await xcore(["status"], { cwd: workspace.stateFolder });
    assert.equal(code, 0);
  });

  it("exits 1 and tells the problems when the server is degraded", async () => {
    await using workspace = await makeWorkspace();
    const plugins = [pluginStatus({ name: "mailer", state: "failed" })];
    const report = statusReport({ healthy: false, problems: ["plugin mailer failed: no address"], plugins });
    await using _server = await openControlServer(workspace.stateFolder, () => ({ result: report }));
    const { code, stdout } = await xcore(["status"], { cwd: workspace.folder });
    assert.equal(code, 1);
    assert.match(stdout, /degraded[^]*1 problem\n  - plugin mailer failed: no address/);
  });

  it("prints the versioned report with --json, the same with and without other flags", async () => {
    await using workspace = await makeWorkspace();
    const report = statusReport();
    await using _server = await openControlServer(workspace.stateFolder, () => ({ result: report }));
    const quick = await xcore(["status", "--json"], { cwd: workspace.folder });
    const full = await xcore(["status", "--wait", "--json"], { cwd: workspace.folder });
    assert.deepEqual(JSON.parse(quick.stdout), { ok: true, format: 1, ...report });
    assert.equal(full.stdout, quick.stdout);
  });

  it("exits 3 when no server runs", async () => {
    await using workspace = await makeWorkspace();
    const { code, stderr } = await xcore(["status"], { cwd: workspace.folder });
    assert.equal(code, 3);
    assert.match(stderr, /no xcore server is running[^]*xcore serve/);
  });

  it("exits 3 when a server was killed and left its socket behind", async () => {
    await using workspace = await makeWorkspace();
    const listen = `require("node:net").createServer().listen(process.argv[1], () => console.log("listening"))`;
    const socket = controlSocketPath(workspace.stateFolder);
    const server = spawn(process.execPath, ["-e", listen, socket], { stdio: ["ignore", "pipe", "inherit"] });
    await once(server.stdout, "data");
    server.kill("SIGKILL");
    await once(server, "exit");
    assert.equal((await xcore(["status"], { cwd: workspace.folder })).code, 3);
  });

  it("exits 4 when the server hangs up", async () => {
    await using workspace = await makeWorkspace();
    await using _server = await openControlServer(workspace.stateFolder, () => "hang up");
    const { code, stderr } = await xcore(["status"], { cwd: workspace.folder });
    assert.equal(code, 4);
    assert.match(stderr, /closed the connection before it answered/);
  });

  it("shows the server's own error with its exit code", async () => {
    await using workspace = await makeWorkspace();
    const error = { code: "SERVICE_UNAVAILABLE", message: "the database is gone", hint: "Start it." };
    await using _server = await openControlServer(workspace.stateFolder, () => ({ error }));
    const { code, stderr } = await xcore(["status"], { cwd: workspace.folder });
    assert.equal(code, 69);
    assert.match(stderr, /the database is gone[^]*Start it\./);
  });

  it("reaches a server whose folder is too long for a socket's name", async () => {
    const folder = await mkdtemp(join(tmpdir(), `xcore-${"long-".repeat(30)}`));
    try {
      await writeFile(join(folder, "integration.yaml"), "name: shop\n");
      await using _server = await openControlServer(stateFolderOf(folder), () => ({
        result: statusReport(),
      }));
      assert.equal((await xcore(["status"], { cwd: folder })).code, 0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it("waits with --wait until the server is healthy", async () => {
    await using workspace = await makeWorkspace();
    let asked = 0;
    await using _server = await openControlServer(workspace.stateFolder, () => ({
      result: statusReport({ healthy: (asked += 1) > 2 }),
    }));
    const { code, stdout } = await xcore(["status", "--wait"], { cwd: workspace.folder });
    assert.equal(code, 0);
    assert.match(stdout, /healthy/);
    assert.equal(asked, 3);
  });

  it("gives up waiting after --timeout with the code of what it last saw", async () => {
    await using workspace = await makeWorkspace();
    const args = ["status", "--wait", "--timeout", "300ms"];
    assert.equal((await xcore(args, { cwd: workspace.folder })).code, 3);
    const report = statusReport({ healthy: false, problems: ["x"] });
    await using _server = await openControlServer(workspace.stateFolder, () => ({ result: report }));
    assert.equal((await xcore(args, { cwd: workspace.folder })).code, 1);
  });

  it("prints one line a report with --watch --json, also while the server is away", async () => {
    await using workspace = await makeWorkspace();
    const child = start(["status", "--watch", "--json"], { cwd: workspace.folder });
    child.stdout.setEncoding("utf8");
    try {
      let said = "";
      child.stdout.on("data", (text: string) => (said += text));
      const lines = (): { error?: { code: string }; core?: { name: string } }[] =>
        said
          .split("\n")
          .slice(0, -1)
          .map((line) => JSON.parse(line) as object);
      const [first] = await until(lines, (all) => all.length > 0);
      assert.equal(first?.error?.code, "SERVER_NOT_RUNNING");
      await using _server = await openControlServer(workspace.stateFolder, () => ({
        result: statusReport(),
      }));
      await until(lines, (all) => all.at(-1)?.core?.name === "shop");
    } finally {
      child.kill("SIGINT");
      await once(child, "exit");
    }
  });

  it("asks a server elsewhere with --url and --token, from any folder", async () => {
    const seen: unknown[] = [];
    await using server = await serveHttp((request, response) => {
      seen.push(request.url, request.headers.authorization);
      response.end(JSON.stringify(statusReport()));
    });
    const { code, stdout } = await xcore(["status", "--url", server.url], { env: { XCORE_TOKEN: "s3cret" } });
    assert.equal(code, 0);
    assert.match(stdout, /healthy/);
    assert.deepEqual(seen, ["/_xcore/status", "Bearer s3cret"]);
  });

  it("exits 77 when the token is refused", async () => {
    await using server = await serveHttp((_request, response) => {
      response.writeHead(401, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ title: "A valid token is needed", status: 401, code: "UNAUTHORIZED" }));
    });
    const { code, stderr } = await xcore(["status", "--url", server.url, "--token", "wrong"]);
    assert.equal(code, 77);
    assert.match(stderr, /A valid token is needed[^]*--token/);
  });

  it("exits 4 when nothing or something else answers at --url, and 2 when it is no address", async () => {
    await using other = await serveHttp((_request, response) => response.end("<h1>hello</h1>"));
    const elsewhere = await xcore(["status", "--url", other.url]);
    assert.equal(elsewhere.code, 4);
    assert.match(elsewhere.stderr, /not a status report of xcore/);
    assert.equal((await xcore(["status", "--url", "http://127.0.0.1:1"])).code, 4);
    assert.equal((await xcore(["status", "--url", "localhost:8082"])).code, 2);
  });
});

describe("xcore stop", () => {
  it("asks the running server to stop and waits until it has gone", async () => {
    await using workspace = await makeWorkspace();
    const asked: string[] = [];
    await using _server = await openControlServer(workspace.stateFolder, (operation) => {
      asked.push(operation);
      return operation === "status" ? { result: statusReport() } : { result: null, last: true };
    });
    const { code, stderr } = await xcore(["stop"], { cwd: workspace.folder });
    assert.deepEqual(asked, ["status", "server.stop"]);
    assert.equal(code, 0);
    assert.match(stderr, /Stopped shop \(pid 4711\)/);
  });

  it("exits 3 when no server runs", async () => {
    await using workspace = await makeWorkspace();
    assert.equal((await xcore(["stop"], { cwd: workspace.folder })).code, 3);
  });
});
