// Whether installed files are still those that were approved.
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { XcoreError, systemCode } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { readLock, storeFolder, type LockEntry } from "../lock.ts";
import { builderName, bundleDigest } from "../../sandbox/bundle-digest.ts";
import type { Built } from "../lock-built.ts";
import { installedSignature } from "../signatures/installed-signature.ts";
import { differences, integrityOf, listFiles, type Listing } from "./digest.ts";

/** The list of an installed plugin's files, beside its folder: it tells which file differs. */
export const listingFile = (folder: string): string => `${folder}.files`;

type Pinned = Pick<LockEntry, "integrity">;

/** Hashes what lies in `folder`; throws `LOCK_MISMATCH` naming each file that differs from what the lock pins. */
export async function verifyInstalled(entry: Pinned, folder: string): Promise<Listing> {
  const listing = await listed(folder);
  if (listing.integrity === entry.integrity) return listing;
  const expected = await expectedListing(entry, folder);
  const files = expected === undefined ? [] : differences(expected, listing.text);
  const shown = files.slice(0, 10).join(", ") + (files.length > 10 ? ` and ${files.length - 10} more` : "");
  throw mismatch(folder, files.length === 0 ? "the files are others" : shown, { files });
}

/** The list of files as the lock pins it; undefined where it was lost or changed: it is believed only as far as the lock vouches for it. */
export async function expectedListing(entry: Pinned, folder: string): Promise<string | undefined> {
  const text = await readFile(listingFile(folder), "utf8").catch(() => "");
  return integrityOf(text) === entry.integrity ? text : undefined;
}

/** Throws `LOCK_MISMATCH` when other code would run than xcore.lock pins. A bundle made by another builder can't be compared. */
export function verifyBundle(
  name: string,
  entry: Built,
  { code, trusted }: { code: string; trusted: boolean },
): void {
  if (entry.bundle === undefined || entry.builder !== builderName(trusted)) return;
  const digest = bundleDigest(code);
  if (digest === entry.bundle) return;
  throw new XcoreError("LOCK_MISMATCH", `the bundle of plugin '${name}' is not the one xcore.lock pins`, {
    hint: "Its files were changed while they were read, or xcore itself was. Run xcore plugin verify.",
    details: { plugin: name, digest, expected: entry.bundle },
  });
}

/**
 * The lock's entry of an installed plugin about to be loaded, its files and its signature checked. Throws `LOCK_MISMATCH`, and what
 * the installation's policy says of signatures.
 */
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
  const { text } = await verifyInstalled(entry, installed.folder);
  const { name, folder } = installed;
  const { version, signer } = entry;
  await installedSignature({ config, name, version, folder, listing: text, signer });
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
