// Runs the built command line as a person would: a process of its own, in a folder of its own.
import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { packageFile } from "../../../src/core/base/package-root.ts";
import { stateFolderOf } from "../../../src/core/base/workspace.ts";
import { giveDatabaseNow, prepareDatabase } from "../../support/database-template.ts";

await prepareDatabase();

/** Commands that would make a database in a project that has none. */
const wanting = new Set(["serve", "migrate", "db"]);

export const bin = packageFile("bin", "run.js");

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export type Running = ChildProcessByStdio<null, Readable, Readable>;

export function start(args: readonly string[], options: RunOptions = {}): Running {
  if (options.cwd !== undefined && wanting.has(args[0] ?? "")) giveDatabaseNow(stateFolderOf(options.cwd));
  return spawn(process.execPath, [bin, ...args], {
    cwd: options.cwd ?? tmpdir(),
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export async function ended(child: Running): Promise<Ended> {
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => (stdout += chunk));
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
  const [code, signal] = (await once(child, "close")) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout, stderr };
}

export function xcore(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  return ended(start(args, options));
}

export interface Workspace extends AsyncDisposable {
  folder: string;
  stateFolder: string;
}

/** A temporary project with nothing in it but integration.yaml. */
export async function makeWorkspace(yaml = "name: shop\n"): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), "xcore-cli-"));
  const stateFolder = stateFolderOf(folder);
  await mkdir(stateFolder);
  await writeFile(join(folder, "integration.yaml"), yaml);
  return {
    folder,
    stateFolder,
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Whatever colours or tokens the tester's own shell has set must not decide a test. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NO_COLOR: _1, FORCE_COLOR: _2, XCORE_TOKEN: _3, NODE_OPTIONS: _4, ...rest } = process.env;
  return rest;
}
