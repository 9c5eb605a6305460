// The servers that tests need and npm doesn't bring: finds redis-server, sshd and a system Postgres, or installs them from Debian.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The path of redis-server; throws a sentence that says what to do when there is none and none can be installed. */
export async function redisServerPath(): Promise<string> {
  return (await inPath("redis-server")) ?? install("redis-server", () => inPath("redis-server"));
}

/** The path of sshd, with ssh and ssh-keygen in the PATH; throws as above. */
export async function sshdPath(): Promise<string> {
  return (await sshd()) ?? install("openssh-server", sshd);
}

async function sshd(): Promise<string | undefined> {
  if ((await inPath("ssh-keygen")) === undefined) return undefined;
  return (await inPath("sshd")) ?? atSbin("sshd");
}

/** The folder with initdb, postgres and pg_ctl of a system Postgres; throws as above. */
export async function systemPostgresBin(): Promise<string> {
  return (await postgresBin()) ?? install("postgresql", postgresBin);
}

async function postgresBin(): Promise<string | undefined> {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? await readdir(root) : [];
  const newest = versions.filter((version) => /^\d+$/.test(version)).sort((a, b) => Number(b) - Number(a));
  return newest.map((version) => join(root, version, "bin")).find((bin) => existsSync(join(bin, "initdb")));
}

function inPath(program: string): Promise<string | undefined> {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return Promise.resolve(folders.map((folder) => join(folder, program)).find((path) => existsSync(path)));
}

const atSbin = (program: string): string | undefined =>
  [join("/usr/sbin", program)].find((path) => existsSync(path));

let installing: Promise<void> | undefined;

async function install(debianPackage: string, find: () => Promise<string | undefined>): Promise<string> {
  const wanted = `tests need ${debianPackage}: install it (on Debian: apt-get install -y --no-install-recommends ${debianPackage})`;
  if (process.getuid?.() !== 0)
    throw new Error(`${wanted}; it can't be done from here, since this user is not root`);
  if (!existsSync("/usr/bin/apt-get"))
    throw new Error(`${wanted}; it can't be done from here: there is no apt-get`);
  const work = (installing ?? Promise.resolve()).then(() => installFromDebian(debianPackage));
  installing = work.catch(() => undefined);
  await work.catch((error: unknown) => {
    throw new Error(`${wanted}; apt-get failed: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  });
  const found = await find();
  if (found === undefined) throw new Error(`${wanted}; apt-get said it did, but it is not to be found`);
  return found;
}

async function installFromDebian(debianPackage: string): Promise<void> {
  // Several test files may want it at once: apt waits for its own lock, and no service is started.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const settings = { env, timeout: 300_000, maxBuffer: 64 * 1024 * 1024 };
  const wait = ["-o", "DPkg::Lock::Timeout=240"];
  const args = [...wait, "install", "-y", "--no-install-recommends", debianPackage];
  await run("apt-get", args, settings).catch(async () => {
    await run("apt-get", [...wait, "update"], settings);
    await run("apt-get", args, settings);
  });
}

if (import.meta.main) {
  for (const find of [redisServerPath, sshdPath, systemPostgresBin]) {
    try {
      console.log(await find());
    } catch (error) {
      console.error(error instanceof Error ? error.message : String(error));
      process.exitCode = 69;
    }
  }
}
