// The signature of a plugin's folder: as it was fetched, before anything was added; and as it lies in the store, with its packages.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../base/error.ts";
import type { Config } from "../../config/config.ts";
import { listingWithout } from "../installer/digest.ts";
import { checkSignature, isNeeded, type SeenSignature, type Signature } from "./check.ts";
import { signatureFile } from "./statement.ts";

export interface FolderQuestion {
  config: Config;
  name: string;
  version: string;
  folder: string;
  /** The folder's list of files, just made. */
  listing: string;
}

/** Of what was fetched: every file counts. `seen`: what xcore.lock remembers; absent where it pins the files already. */
export async function fetchedSignature(
  question: FolderQuestion,
  seen: SeenSignature | undefined,
): Promise<Signature | undefined> {
  const files = listingWithout(question.listing, (path) => path === signatureFile);
  return check(question, files, seen);
}

/** Of what is installed: packages were put beside the signed files, and are held by xcore.lock. */
export async function installedSignature(
  question: FolderQuestion & { signer: string | undefined },
): Promise<Signature | undefined> {
  // An installation that wants no signature, of a plugin that had none: nothing to be read on every load.
  if (question.signer === undefined && !isNeeded(question.config, question.name)) return undefined;
  const files = listingWithout(
    question.listing,
    (path) => path === signatureFile || path.startsWith("node_modules/"),
  );
  const { signer, version } = question;
  return check(question, files, signer === undefined ? undefined : { version, signer });
}

async function check(
  { config, name, version, folder }: FolderQuestion,
  files: string,
  seen: SeenSignature | undefined,
): Promise<Signature | undefined> {
  return checkSignature({ plugin: name, version, files, signature: await read(folder), config, seen });
}

async function read(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, signatureFile), "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
