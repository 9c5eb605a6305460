// Whether installed files are still those that were approved.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { XcoreError, systemCode } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { readLock, storeFolder, type LockEntry } from "../lock.ts";
import { differences, integrityOf, listFiles, type Listing } from "./digest.ts";

/** The list of an installed plugin's files, beside its folder: it tells which file differs. */
export const listingFile = (folder: string): string => `${folder}.files`;

/** Hashes what lies in `folder`; throws `LOCK_MISMATCH` naming each file that differs from what the lock pins. */
export async function verifyInstalled(entry: Pick<LockEntry, "integrity">, folder: string): Promise<void> {
  const listing = await listed(folder);
  if (listing.integrity === entry.integrity) return;
  const expected = await readFile(listingFile(folder), "utf8").catch(() => "");
  // The list is trusted only as far as the lock vouches for it.
  const files = integrityOf(expected) === entry.integrity ? differences(expected, listing.text) : [];
  const shown = files.slice(0, 10).join(", ") + (files.length > 10 ? ` and ${files.length - 10} more` : "");
  throw mismatch(folder, files.length === 0 ? "the files are others" : shown, { files });
}

/** The lock's entry of an installed plugin about to be loaded, its files checked. Throws `LOCK_MISMATCH`. */
export async function verifiedEntry(
  config: Config,
  installed: { name: string; folder: string },
): Promise<LockEntry> {
  const entry = (await readLock(config.workspace)).plugins[installed.name];
  if (entry === undefined || storeFolder(config.stateFolder, installed.name, entry) !== installed.folder) {
    throw new XcoreError("LOCK_MISMATCH", `xcore.lock no longer names ${basename(installed.folder)}`, {
      hint: "Run xcore plugin sync.",
      details: { plugin: installed.name },
    });
  }
  await verifyInstalled(entry, installed.folder);
  return entry;
}

async function listed(folder: string): Promise<Listing> {
  try {
    return await listFiles(folder);
  } catch (error) {
    if (systemCode(error) === "ENOENT") throw mismatch(folder, "the files are not there", { files: [] });
    throw error;
  }
}

function mismatch(folder: string, what: string, details: Record<string, unknown>): XcoreError {
  return new XcoreError(
    "LOCK_MISMATCH",
    `installed plugin ${basename(folder)} differs from xcore.lock: ${what}`,
    {
      hint: "Run xcore plugin sync to bring back what xcore.lock says.",
      details: { folder, ...details },
    },
  );
}
