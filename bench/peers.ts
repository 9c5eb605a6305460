// The servers that xcore is compared with, each with the same handlers. Those that are no dependency of xcore are installed on
// demand, beside node_modules and by a lock file of their own.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { packageFile } from "../src/core/base/package-root.ts";
import { work } from "./peers/handlers.ts";
import { startSubject, type Subject } from "./subject.ts";
import type { Workspace } from "./workspace.ts";

const workerdPackage = `workerd-${process.platform}-${process.arch === "x64" ? "64" : process.arch}`;
const installed = packageFile("node_modules", ".cache", "xcore-bench-peers");
const source = (name: string): Promise<string> => readFile(packageFile("bench", "peers", name), "utf8");

export function startNode(workspace: Workspace): Promise<Subject> {
  return startSubject({
    name: "node:http",
    cwd: workspace.folder,
    args: [packageFile("bench/peers/node-http.ts")],
  });
}

export function startKoa(workspace: Workspace): Promise<Subject> {
  return startSubject({ name: "koa", cwd: workspace.folder, args: [packageFile("bench/peers/koa.ts")] });
}

export async function startWorkerd(workspace: Workspace): Promise<Subject> {
  await install();
  await build({
    entryPoints: [packageFile("bench", "peers", "workerd.ts")],
    outfile: join(workspace.folder, "workerd", "worker.js"),
    bundle: true,
    format: "esm",
  });
  await workspace.write(
    "workerd/config.capnp",
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js")],
  compatibilityDate = "2026-01-01",
);
`,
  );
  return await startSubject({
    name: "workerd",
    cwd: join(workspace.folder, "workerd"),
    program: join(installed, "node_modules", "@cloudflare", workerdPackage, "bin", "workerd"),
    args: ["serve", "config.capnp", "--control-fd=1"],
    address: (line) => {
      const port = /"event":"listen".*"port":(\d+)/.exec(line)?.[1];
      return port === undefined ? undefined : `http://127.0.0.1:${port}`;
    },
  });
}

export async function startWatt(workspace: Workspace): Promise<Subject> {
  await install();
  const files = {
    "watt/package.json": { name: "watt", type: "module" },
    "watt/watt.json": {
      $schema: "https://schemas.platformatic.dev/wattpm/3.67.0.json",
      server: { hostname: "127.0.0.1", port: 0 },
      logger: { level: "info" },
      entrypoint: "app",
      services: [{ id: "app", path: "./app" }],
    },
    "watt/app/package.json": { name: "app", type: "module", main: "index.js" },
    "watt/app/watt.json": { $schema: "https://schemas.platformatic.dev/@platformatic/node/3.65.0.json" },
  };
  for (const [path, value] of Object.entries(files)) await workspace.write(path, JSON.stringify(value));
  for (const name of ["handlers.ts", "node-server.ts"])
    await workspace.write(`watt/app/${name}`, await source(name));
  await workspace.write("watt/app/index.js", 'export { nodeServer as build } from "./node-server.ts";\n');
  const folder = join(workspace.folder, "watt");
  await symlink(join(installed, "node_modules"), join(folder, "node_modules"));
  return await startSubject({
    name: "watt",
    cwd: folder,
    args: [join(installed, "node_modules", "wattpm", "bin", "cli.js"), "start"],
  });
}

/** Turns of `work` that take one ms of CPU in this process, which is what they take in the peers. */
export function turnsOfOneMs(): number {
  const turns = 400;
  for (let run = 0; run < 200; run += 1) work(turns);
  const before = process.cpuUsage();
  for (let run = 0; run < 400; run += 1) work(turns);
  const { user, system } = process.cpuUsage(before);
  return Math.round((turns * 400 * 1000) / (user + system));
}

let installing: Promise<void> | undefined;

function install(): Promise<void> {
  installing ??= (async () => {
    const files = ["package.json", "package-lock.json"];
    const wanted = await source("installed/package-lock.json");
    const present = await readFile(join(installed, "package-lock.json"), "utf8").catch(() => "");
    if (present === wanted && existsSync(join(installed, "node_modules", ".package-lock.json"))) return;
    await mkdir(installed, { recursive: true });
    for (const name of files)
      await copyFile(packageFile("bench", "peers", "installed", name), join(installed, name));
    await promisify(execFile)("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund"], {
      cwd: installed,
    });
  })();
  return installing;
}
