// The store: each installed revision in a folder named by its content, put there by one rename.
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Config } from "../../config/config.ts";
import { storeFolder, syncFolder, type Lock, type LockEntry } from "../lock.ts";
import type { Listing } from "./digest.ts";
import { listingFile, verifyInstalled } from "./verify.ts";

/** Moves a staged plugin into the store; what lies there already and is whole is kept. Returns the folder and how to take it back. */
export async function putIntoStore(
  config: Config,
  staged: { name: string; folder: string; listing: Listing },
): Promise<{ folder: string; undo: () => Promise<void> }> {
  const { name, listing } = staged;
  const folder = storeFolder(config.stateFolder, name, listing);
  const isThere = await verifyInstalled(listing, folder).then(
    () => true,
    () => false,
  );
  if (isThere) return { folder, undo: async () => undefined };
  await mkdir(dirname(folder), { recursive: true, mode: 0o700 });
  await removeFromStore(folder);
  await writeFile(listingFile(folder), listing.text);
  await rename(staged.folder, folder);
  await syncFolder(dirname(folder));
  return { folder, undo: () => removeFromStore(folder) };
}

export async function removeFromStore(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await rm(listingFile(folder), { force: true });
}

/** Removes what no entry of the lock names; returns the folders' names. */
export async function sweepStore(config: Config, lock: Lock): Promise<string[]> {
  const used = new Set(
    Object.entries(lock.plugins).flatMap(([name, entry]: [string, LockEntry]) =>
      [entry, entry.previous ?? entry].map((one) => basename(storeFolder(config.stateFolder, name, one))),
    ),
  );
  const store = join(config.stateFolder, "store");
  const names = await readdir(store).catch(() => []);
  const unused = names.filter((name) => !used.has(name.replace(/\.files$/, "")));
  for (const name of unused) await rm(join(store, name), { recursive: true, force: true });
  return unused.filter((name) => !name.endsWith(".files"));
}
