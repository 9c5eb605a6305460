// The folder through which clients reach the embedded Postgres. A unix socket's path may hold about 100 bytes only.
import { createHash } from "node:crypto";
import { lstat, mkdir, readlink, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XcoreError } from "../../../base/error.ts";
import type { Places } from "./data-folder.ts";

const longest = 103;
const socketName = "/.s.PGSQL.5432";

/** The data folder itself, or, where its path is too long, a short link to it in a private folder under the temporary one. */
export async function socketFolder(places: Places): Promise<string> {
  if (fits(places.data)) return places.data;
  const link = await linkPath(places);
  if ((await readlink(link).catch(() => "")) === places.data) return link;
  await rm(link, { force: true });
  await symlink(places.data, link).catch(async (error: unknown) => {
    if ((await readlink(link).catch(() => "")) !== places.data) throw error;
  });
  return link;
}

export async function removeSocketLink(places: Places): Promise<void> {
  if (!fits(places.data)) await rm(await linkPath(places), { force: true });
}

function fits(folder: string): boolean {
  return Buffer.byteLength(folder) + socketName.length <= longest;
}

async function linkPath(places: Places): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const folder = join(tmpdir(), `xcore-${uid}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const link = join(folder, createHash("sha256").update(places.data).digest("hex").slice(0, 12));
  if (found.isDirectory() && found.uid === uid && (found.mode & 0o077) === 0 && fits(link)) return link;
  throw new XcoreError(
    "SERVICE_FAILED",
    `the path ${places.data} is too long for a socket (at most ${longest} bytes), and ${folder} is not private to this user`,
    {
      hint: `Remove ${folder}, set TMPDIR to a short folder of your own, or move the project to a shorter path.`,
    },
  );
}
