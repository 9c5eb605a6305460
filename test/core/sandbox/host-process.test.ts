import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { hostFlags } from "../../../src/core/sandbox/host-process.ts";
import { hostFiles } from "../../../src/core/sandbox/paths.ts";
import { until } from "../../support/services.ts";
import { testPool } from "./pool.ts";
import { rawOptions } from "./raw.ts";

const linux = { skip: process.platform !== "linux" && "needs /proc" };
const pool = await testPool();

test(
  "a host has an empty environment, the root as its folder and only the descriptors it needs",
  linux,
  async () => {
    process.env["XCORE_TEST_SECRET"] = "visible";
    const sandbox = await pool.open(rawOptions("", { group: "probe" }));
    const { hostPid } = sandbox.stats();
    assert.equal(await readFile(`/proc/${hostPid}/environ`, "utf8"), "");
    assert.equal(await readlink(`/proc/${hostPid}/cwd`), "/");
    const targets = await Promise.all(
      (await readdir(`/proc/${hostPid}/fd`)).map((fd) =>
        readlink(`/proc/${hostPid}/fd/${fd}`).catch(() => ""),
      ),
    );
    const files = targets.filter((target) => target.startsWith("/") && target !== "/dev/null");
    assert.ok(
      files.every((target) => /xcore-progress-\w+ \(deleted\)$/.test(target) || target.startsWith("/proc/")),
      files.join(", "),
    );
    assert.equal(targets.filter((target) => target.startsWith("socket:")).length, 2);
    await sandbox.close();
    delete process.env["XCORE_TEST_SECRET"];
  },
);

test("code that got out of an isolate finds no files, no programs, no workers and no network", async () => {
  const folder = await mkdtemp(join(tmpdir(), "xcore-probe-"));
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const probe = join(folder, "probe.mjs");
  await writeFile(
    probe,
    `import fs from "node:fs"; import { spawnSync } from "node:child_process"; import { Worker } from "node:worker_threads";
     import net from "node:net"; import dns from "node:dns";
     const found = {};
     const attempt = (name, work) => { try { work(); found[name] = "allowed"; } catch (error) { found[name] = error.code; } };
     const wait = (name, start) => new Promise((resolve) => { try { start((error) => { found[name] = error ? error.code : "allowed"; resolve(); }); }
       catch (error) { found[name] = error.code; resolve(); } });
     attempt("read", () => fs.readFileSync("/etc/passwd"));
     attempt("list", () => fs.readdirSync("/"));
     attempt("write", () => fs.writeFileSync("/tmp/xcore-probe", ""));
     attempt("memory", () => fs.readFileSync("/proc/self/environ"));
     attempt("program", () => spawnSync("/bin/true"));
     attempt("worker", () => new Worker("0", { eval: true }));
     await wait("connect", (done) => { const s = net.connect(${port}, "127.0.0.1", () => done()); s.on("error", done); });
     await wait("unix", (done) => { const s = net.connect("/run/nothing.sock", () => done()); s.on("error", done); });
     await wait("listen", (done) => { const s = net.createServer().on("error", done); s.listen(0, () => done()); });
     await wait("resolve", (done) => dns.lookup("localhost", done));
     console.log(JSON.stringify(found)); process.exit();`,
  );
  try {
    const flags = hostFlags([...hostFiles().readable, probe]);
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, probe], { env: {}, cwd: "/" });
    const found = JSON.parse(stdout) as Record<string, string>;
    const closed = ["read", "list", "write", "memory", "program", "worker"];
    const network = ["connect", "unix", "listen", "resolve"];
    const nodeMajor = Number.parseInt(process.versions.node, 10);
    for (const name of nodeMajor >= 26 ? [...closed, ...network] : closed) {
      assert.equal(found[name], "ERR_ACCESS_DENIED", `${name}: ${found[name]}`);
    }
  } finally {
    server.close();
    await rm(folder, { recursive: true });
  }
});

for (const [state, call] of [
  ["rests", ""],
  [
    "is stuck",
    `void sandbox.call("action", "x", null, { timeoutMs: 60_000 }).catch(() => undefined);
     await new Promise((resolve) => setTimeout(resolve, 100));`,
  ],
] as const) {
  const supported = state === "rests" || existsSync("/usr/bin/setpriv");
  const when = { skip: linux.skip || (!supported && "needs util-linux") };
  test(`a host that ${state} ends with the core, even when the core is killed`, when, async () => {
    const folder = await mkdtemp(join(tmpdir(), "xcore-orphan-"));
    const script = join(folder, "core.ts");
    const source = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
    await writeFile(
      script,
      `const { createSandboxPool } = await import(${source("../../../src/core/sandbox/pool.ts")});
     const { rawOptions, rawRuntime } = await import(${source("./raw.ts")});
     const { silentLogger } = await import(${source("../../../src/core/base/log.ts")});
     const pool = createSandboxPool({ logger: silentLogger, runtime: rawRuntime, spare: false });
     const sandbox = await pool.open(rawOptions("onRecord() { Array.prototype.includes.call({ length: 2 ** 53 - 1 }, 1); }"));
     ${call}
     process.stdout.write(String(sandbox.stats().hostPid), () => process.kill(process.pid, "SIGKILL"));`,
    );
    try {
      const { promise, resolve } = Promise.withResolvers<string>();
      execFile(process.execPath, [script], (_error, stdout) => resolve(stdout));
      const pid = Number(await promise);
      assert.ok(pid > 0);
      // "Z": ended, and only waiting to be collected by whoever inherits orphans here.
      const gone = async (): Promise<boolean> => {
        const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => ") Z");
        return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
      };
      await until(gone);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
}

test(
  "one host is kept ready for the next group, and disposing of the pool ends every process",
  linux,
  async () => {
    const own = await testPool({ spare: true });
    const first = await own.open(rawOptions("", { group: "a" }));
    const second = await own.open(rawOptions("", { group: "b" }));
    const pids = [first.stats().hostPid, second.stats().hostPid];
    assert.notEqual(pids[0], pids[1]);
    await own[Symbol.asyncDispose]();
    for (const pid of pids) await assert.rejects(readFile(`/proc/${pid}/stat`));
    await assert.rejects(own.open(rawOptions("")), { code: "PLUGIN_NOT_READY" });
  },
);
