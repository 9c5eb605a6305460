// The data folder of the embedded Postgres: whose it is, which Postgres made it, and making it when there is none.
import { spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, systemCode, XcoreError } from "../../../base/error.ts";
import type { Binaries } from "./binaries.ts";
import { ownerOf, userName, type User } from "./run-as.ts";

export interface Places {
  /** `.xcore/<service>/`. */
  readonly home: string;
  /** Postgres' own data folder in it; the socket lies there too, so its 0700 guards both. */
  readonly data: string;
  readonly log: string;
}

export function placesIn(stateFolder: string, service: string): Places {
  const home = join(stateFolder, service);
  return { home, data: join(home, "data"), log: join(home, "server.log") };
}

/**
 * Postgres gets its folder as `.`: where Linux offers it, by `/proc/self/cwd`. It then needs no right to pass the folders
 * above (a root core's project may lie in /root, and .xcore is private), and the path may be of any length.
 */
export function dataArgument(places: Places): string {
  return process.platform === "linux" ? "/proc/self/cwd" : places.data;
}

/** Whether there is data; throws when it is somebody else's or of another major version. */
export async function inspectData(places: Places, major: number): Promise<boolean> {
  try {
    await assertOwn(places);
    const version = (await readFile(join(places.data, "PG_VERSION"), "utf8")).trim();
    if (version === String(major)) return true;
    throw new XcoreError(
      "DATA_FOLDER_VERSION",
      `the data in ${places.data} was made by Postgres ${version}, and this xcore brings Postgres ${major}`,
      {
        hint: `With the xcore that brought Postgres ${version}: xcore db dump <file>. Then move ${places.home} away, and with this one: xcore db restore <file>.`,
        details: { folder: places.data, found: version, expected: String(major) },
      },
    );
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw foreign(error, places);
  }
  const entries = await readdir(places.data).catch(() => []);
  if (entries.length === 0) return false;
  throw new XcoreError("SERVICE_FAILED", `${places.data} is not empty, and it is no Postgres data folder`, {
    hint: "Move what is in it elsewhere, or remove it; then start again.",
  });
}

async function assertOwn(places: Places): Promise<void> {
  const uid = process.getuid?.();
  if (uid === undefined || uid === 0) return;
  for (const folder of [places.data, places.home]) {
    const owner = await ownerOf(folder);
    if (owner !== undefined && owner.uid !== uid) throw await foreignTo(folder, owner.uid, uid);
  }
}

async function foreignTo(folder: string, owner: number, uid: number): Promise<XcoreError> {
  const [theirs, ours] = [await userName(owner), await userName(uid)];
  return new XcoreError(
    "DATA_FOLDER_FOREIGN",
    `the data folder ${folder} belongs to ${theirs}, and this is ${ours}`,
    {
      hint: `Start as ${theirs}, or hand the data over while no server runs: sudo chown -R ${uid} ${folder}`,
      details: { folder, owner: theirs, user: ours },
    },
  );
}

function foreign(error: unknown, places: Places): unknown {
  if (systemCode(error) !== "EACCES" && systemCode(error) !== "EPERM") return error;
  return new XcoreError(
    "DATA_FOLDER_FOREIGN",
    `this user may not enter ${places.home}: ${messageOf(error)}`,
    {
      hint: `Start as the user who made the project's .xcore folder, or hand it over while no server runs: sudo chown -R ${process.getuid?.() ?? "you"} ${places.home}`,
      details: { folder: places.home },
      cause: error,
    },
  );
}

/** Makes the data folder beside its place and renames it there: never a half-made one, and of two makers one wins. */
export async function makeData(places: Places, binaries: Binaries, user: User | undefined): Promise<void> {
  try {
    await mkdir(places.home, { recursive: true });
    await removeStale(places.home);
  } catch (error) {
    throw foreign(error, places);
  }
  const fresh = await mkdtemp(join(places.home, "making-"));
  try {
    if (user !== undefined) await chown(fresh, user.uid, user.gid);
    await initdb(binaries, fresh, user);
    await rename(fresh, places.data);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    if (systemCode(error) !== "ENOTEMPTY" && systemCode(error) !== "EEXIST") throw error;
  }
}

/** Postgres insists on 0700; a copied or checked-out folder may have lost it. */
export async function repairMode(places: Places): Promise<void> {
  const found = await stat(places.data);
  if ((found.mode & 0o077) !== 0) await chmod(places.data, 0o700);
}

/** Text by code point, the same on every machine; whoever reaches the private socket is let in, nobody else is. */
const initdbFlags = [
  "--username=xcore",
  "--encoding=UTF8",
  "--locale=C",
  "--locale-provider=builtin",
  "--builtin-locale=C.UTF-8",
  "--auth-local=trust",
  "--auth-host=reject",
  "--no-instructions",
];

async function initdb(binaries: Binaries, folder: string, user: User | undefined): Promise<void> {
  const linux = process.platform === "linux";
  const child = spawn(
    join(binaries.folder, "bin", "initdb"),
    ["-D", linux ? "/proc/self/cwd" : folder, ...initdbFlags],
    { cwd: folder, env: cleanEnvironment(), stdio: ["ignore", "pipe", "pipe"], ...identity(user) },
  );
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const { promise, resolve, reject } = Promise.withResolvers<number | null>();
  child.once("error", reject);
  child.once("close", resolve);
  const code = await promise.catch((error: unknown) => {
    throw cannotRun(error, binaries);
  });
  if (code === 0) return;
  const reason = output.split("\n").filter((line) => /error|fatal|could not|cannot/i.test(line));
  throw new XcoreError(
    "SERVICE_FAILED",
    `initdb could not make the embedded database in ${folder}: ${reason.join(" ") || output.trim()}`,
    { hint: "Check free space and permissions of the project's .xcore folder." },
  );
}

/** What a failed spawn of a Postgres program means. */
export function cannotRun(error: unknown, binaries: Binaries): XcoreError {
  const musl = systemCode(error) === "ENOENT" && process.platform === "linux";
  return new XcoreError(
    "PART_MISSING",
    `the embedded Postgres in ${binaries.folder} can't be run: ${messageOf(error)}`,
    {
      hint: musl
        ? "Its programs need glibc (Alpine has musl): use a Debian image, or services.database: { driver: postgres, url: … }; for development only: { driver: pglite }"
        : "Reinstall the packages, or connect a Postgres of your own: services.database: { driver: postgres, url: … }",
      cause: error,
    },
  );
}

export function identity(user: User | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid, gid: user.gid };
}

/** Nothing of the core's environment (secrets) goes into the database server. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return { PATH: "/usr/local/bin:/usr/bin:/bin", LC_ALL: "C" };
}

/** What a maker left behind that was killed; one that is still at work is younger. */
async function removeStale(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (!name.startsWith("making-")) continue;
    const path = join(home, name);
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > 300_000)
      await rm(path, { recursive: true, force: true });
  }
}
