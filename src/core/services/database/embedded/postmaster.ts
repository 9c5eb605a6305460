// The running Postgres of a data folder: found by its postmaster.pid, started, and stopped.
import { spawn } from "node:child_process";
import { open, readFile, readlink, realpath, stat, truncate, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { sleep } from "../../../base/deadline.ts";
import { systemCode, XcoreError } from "../../../base/error.ts";
import type { Binaries } from "./binaries.ts";
import {
  cannotRun,
  cleanEnvironment,
  dataArgument,
  identity,
  repairMode,
  type Places,
} from "./data-folder.ts";
import type { User } from "./run-as.ts";

export interface Postmaster {
  readonly pid: number;
  readonly ready: boolean;
}

const maxLogBytes = 5 * 1024 * 1024;

/** The server of this folder, if one lives. Lock files that came along in a copy of the folder are removed. */
export async function findPostmaster(places: Places): Promise<Postmaster | undefined> {
  const path = join(places.data, "postmaster.pid");
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return undefined;
  if (await runsElsewhere(pid, lines[1] ?? "", places)) {
    for (const lock of [path, join(places.data, ".s.PGSQL.5432.lock")]) {
      const held = await readFile(lock, "utf8").catch(() => "");
      if (Number(held.split("\n")[0]) === pid) await unlink(lock).catch(() => undefined);
    }
    return undefined;
  }
  return { pid, ready: (lines[7] ?? "").startsWith("ready") };
}

/** A pid file names a process; whether that process works in this folder only its own working folder tells. */
async function runsElsewhere(pid: number, written: string, places: Places): Promise<boolean> {
  const data = await realpath(places.data).catch(() => places.data);
  if (process.platform === "linux") {
    try {
      return (await readlink(`/proc/${pid}/cwd`)) !== data;
    } catch (error) {
      return systemCode(error) === "ENOENT";
    }
  }
  const named = await realpath(written).catch(() => undefined);
  return named !== undefined && named !== data;
}

export type StartOutcome =
  | { kind: "ready" }
  /** Another server holds the folder, or what a killed one left is not gone yet: look again. */
  | { kind: "taken" }
  | { kind: "failed"; reason: string };

export interface StartOptions {
  binaries: Binaries;
  user: User | undefined;
  /** The folder clients connect through. */
  socket: string;
  deadlineAt: number;
}

/** Starts the server as a process of its own that outlives this one, and waits until it is ready or has given up. */
export async function startPostmaster(places: Places, options: StartOptions): Promise<StartOutcome> {
  const { binaries, user, socket, deadlineAt } = options;
  await repairMode(places);
  await trimLog(places.log);
  await using log = await open(places.log, "a", 0o600);
  const logStart = (await log.stat()).size;
  const data = dataArgument(places);
  const settings = {
    listen_addresses: "",
    unix_socket_directories: data === places.data ? socket : data,
    unix_socket_permissions: "0700",
    cluster_name: clusterName(places),
    log_checkpoints: "off",
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(join(binaries.folder, "bin", "postgres"), ["-D", data, ...flags], {
    cwd: places.data,
    env: cleanEnvironment(),
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    ...identity(user),
  });
  let failure: unknown;
  child.once("error", (error) => (failure = error));
  child.unref();
  while (Date.now() < deadlineAt) {
    if (failure !== undefined) throw cannotRun(failure, binaries);
    if (child.exitCode !== null || child.signalCode !== null)
      return outcomeOf(await tail(places.log, logStart));
    const found = await findPostmaster(places);
    if (found?.ready === true) return { kind: "ready" };
    await sleep(4);
  }
  return { kind: "failed", reason: "it was not ready in time" };
}

function outcomeOf(log: string): StartOutcome {
  if (/lock file ".*" already exists|shared memory block .* is still in use|another postmaster/i.test(log)) {
    return { kind: "taken" };
  }
  const lines = log.split("\n").filter((line) => /FATAL|PANIC|error while loading/.test(line));
  const reason = lines.map((line) => line.replace(/^.*?(FATAL|PANIC):\s*/, "")).join("; ");
  return { kind: "failed", reason: reason === "" ? log.trim().slice(-500) : reason };
}

/** Fast shutdown: sessions are ended, data is written. Rejects when even the immediate one does not end it. */
export async function stopPostmaster(places: Places, pid: number): Promise<void> {
  for (const [signal, ms] of [
    ["SIGINT", 8_000],
    ["SIGQUIT", 3_000],
  ] as const) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (systemCode(error) === "ESRCH") return;
      throw error;
    }
    const until = Date.now() + ms;
    while (Date.now() < until) {
      if ((await findPostmaster(places))?.pid !== pid) return;
      await sleep(5);
    }
  }
  throw new XcoreError("SERVICE_FAILED", `the embedded Postgres (process ${pid}) does not stop`, {
    hint: `See ${places.log}; end it with: kill -9 ${pid}`,
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

/** Shown by ps: which project a postgres process belongs to. */
function clusterName(places: Places): string {
  const project = basename(dirname(dirname(places.home)));
  return `xcore-${project.replaceAll(/[^\w.-]/g, "_")}`.slice(0, 60);
}

async function trimLog(path: string): Promise<void> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  if (size > maxLogBytes) await truncate(path, 0);
}

async function tail(path: string, from: number): Promise<string> {
  const text = await readFile(path);
  return text.subarray(from).toString("utf8");
}
