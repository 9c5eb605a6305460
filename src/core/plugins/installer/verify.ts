// Whether installed files are still those that were approved.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { XcoreError, systemCode } from "../../base/error.ts";
import type { LockEntry } from "../lock.ts";
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
