// One installation at a time in a project, across processes: SQLite's file lock, which the system releases when its holder dies.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { sleep } from "../../base/deadline.ts";
import { XcoreError, messageOf } from "../../base/error.ts";

export interface ExclusiveOptions {
  stateFolder: string;
  /** What it is for, as others who wait are told: `plugin add notes`. */
  purpose: string;
  /** How long to wait for another one. */
  waitMs: number;
  onProgress(message: string): void;
}

interface Holder {
  pid: number;
  startedAt: string;
  purpose: string;
}

/** Below the state folder: the lock itself, and who holds it, for messages. A holder that is named and holds nothing was killed. */
export const mutexFile = "install.mutex";
export const holderFile = "install.lock";

const busy = 5;
const pollMs = 100;

/** Runs `work` alone. Throws `LOCKED` naming the holder when another process does not finish within `waitMs`. */
export async function exclusively<T>(options: ExclusiveOptions, work: () => Promise<T>): Promise<T> {
  const { stateFolder, purpose } = options;
  await mkdir(stateFolder, { recursive: true, mode: 0o700 });
  const named = join(stateFolder, holderFile);
  const release = await acquire(join(stateFolder, mutexFile), named, options);
  try {
    const holder: Holder = { pid: process.pid, startedAt: new Date().toISOString(), purpose };
    await writeFile(named, `${JSON.stringify(holder)}\n`);
    return await work();
  } finally {
    await rm(named, { force: true });
    release();
  }
}

async function acquire(file: string, named: string, options: ExclusiveOptions): Promise<() => void> {
  const { waitMs, onProgress } = options;
  const end = performance.now() + waitMs;
  for (let tries = 0; ; tries += 1) {
    const release = tryHold(file);
    if (release !== undefined) return release;
    const holder = await readHolder(named);
    if (performance.now() >= end) throw locked(holder, waitMs);
    if (tries === 5) onProgress(`waiting for ${described(holder)}`);
    await sleep(pollMs);
  }
}

/** Takes the lock of this file, which is made; undefined when somebody else holds it. The system releases it when the holder dies. */
export function tryHold(file: string): (() => void) | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(file);
    database.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
  } catch (error) {
    database?.close();
    if (error instanceof Error && "errcode" in error && error.errcode === busy) return undefined;
    throw new XcoreError("LOCKED", `the lock ${file} can't be taken: ${messageOf(error)}`, {
      hint: "See that .xcore/ belongs to you and can be written to.",
      cause: error,
    });
  }
  const held = database;
  return () => held.close();
}

// Only for messages: who holds the lock is the system's knowledge, not this file's.
async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const { pid, startedAt, purpose } = JSON.parse(await readFile(file, "utf8")) as Partial<Holder>;
    if (typeof pid !== "number" || typeof startedAt !== "string" || typeof purpose !== "string")
      return undefined;
    return { pid, startedAt, purpose };
  } catch {
    return undefined;
  }
}

function described(holder: Holder | undefined): string {
  if (holder === undefined) return "another process that changes plugins";
  return `'xcore ${holder.purpose}' (process ${holder.pid}, since ${holder.startedAt})`;
}

function locked(holder: Holder | undefined, waitMs: number): XcoreError {
  const seconds = Math.round(waitMs / 1000);
  return new XcoreError(
    "LOCKED",
    `${described(holder)} changes this project's plugins and did not finish within ${seconds} s`,
    {
      hint: holder === undefined ? "Try again later." : `Try again later, or end process ${holder.pid}.`,
      details: holder === undefined ? {} : { ...holder },
    },
  );
}
