// What an author does before giving a plugin away: sign its files, and pack them into one archive.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import { differences } from "../installer/digest.ts";
import { packageFiles } from "../installer/package-files.ts";
import { readManifest } from "../read-manifest.ts";
import { replaceFile } from "../replace-file.ts";
import type { Manifest } from "../manifest.ts";
import { openEnvelope, parseEnvelope, seal } from "./dsse.ts";
import type { SigningKey } from "./keys.ts";
import { packBytes } from "./pack.ts";
import { packName } from "./pack-name.ts";
import { signedFiles, type SignedFile } from "./signed-files.ts";
import { parseStatement, signatureFile, statementBytes, statementType, type Statement } from "./statement.ts";

export interface SignOptions {
  /** The plugin's folder, absolute. */
  folder: string;
  key: SigningKey;
  now?: Date;
}

export interface SignedPlugin {
  name: string;
  version: string;
  /** The signature's file, absolute. */
  file: string;
  /** Digest of the signed files. */
  integrity: string;
  files: number;
  signer: string;
  fingerprint: string;
  /** Whether git said which files belong to it. */
  fromGit: boolean;
}

/** Writes `plugin.sig.json` over the plugin's files as they lie there now. Throws `MANIFEST_INVALID`, `SOURCE_INVALID`, `PLUGIN_IMPORT`. */
export async function signPlugin({ folder, key, now = new Date() }: SignOptions): Promise<SignedPlugin> {
  const manifest = await readManifest(folder);
  await requirePackageLock(folder, manifest);
  const { files, integrity, text, fromGit } = await signedFiles(folder);
  requireManifest(files);
  const { name, version } = manifest;
  const signer = key.publicKey;
  const statement: Statement = { name, version, signer, time: now.toISOString(), files: text, integrity };
  const file = join(folder, signatureFile);
  await replace(file, Buffer.from(seal(statementType, statementBytes(statement), key)));
  const { fingerprint } = key;
  return { name, version, file, integrity, files: files.length, signer, fingerprint, fromGit };
}

export interface PackedPlugin {
  name: string;
  version: string;
  /** `notes-1.0.0.tgz` */
  fileName: string;
  bytes: Buffer;
  /** `sha256-…` of the archive. */
  digest: string;
  /** Of the files in it. */
  integrity: string;
  files: number;
  manifest: Manifest;
  /** Public key of who signed it; undefined when nobody did. */
  signer: string | undefined;
}

/** Packs the plugin with its signature, if it has one. Throws `SIGNATURE_INVALID` when the files are no longer those that were signed. */
export async function packPlugin(folder: string): Promise<PackedPlugin> {
  const manifest = await readManifest(folder);
  const { files, integrity, text } = await signedFiles(folder);
  requireManifest(files);
  const signature = await readSignature(folder);
  const signer = signature === undefined ? undefined : checkFresh(signature, text, manifest);
  const all: SignedFile[] =
    signature === undefined
      ? [...files]
      : [...files, { path: signatureFile, executable: false, content: signature }].sort((a, b) =>
          a.path < b.path ? -1 : 1,
        );
  const bytes = packBytes(all);
  const { name, version } = manifest;
  const digest = `sha256-${createHash("sha256").update(bytes).digest("hex")}`;
  const fileName = packName(name, version);
  return { name, version, fileName, bytes, digest, integrity, files: all.length, manifest, signer };
}

function checkFresh(signature: Buffer, files: string, manifest: Manifest): string {
  const envelope = parseEnvelope(signature.toString("utf8"), statementType, signatureFile);
  const statement = parseStatement(Buffer.from(envelope.payload, "base64"), signatureFile);
  const changed = differences(statement.files, files);
  const isOther = statement.name !== manifest.name || statement.version !== manifest.version;
  if (openEnvelope(envelope, [statement.signer]) === undefined || changed.length > 0 || isOther) {
    const what = changed[0] ?? (isOther ? "another name or version was signed" : "it was changed itself");
    throw new XcoreError("SIGNATURE_INVALID", `${signatureFile} does not fit the files beside it: ${what}`, {
      hint: "Sign it anew with xcore plugin sign, or delete that file.",
      details: { changed },
    });
  }
  return statement.signer;
}

// Packages are not among the signed files; what pins them is.
async function requirePackageLock(folder: string, manifest: Manifest): Promise<void> {
  const packages = await packageFiles(folder, manifest.name);
  if (packages === undefined || packages.lock !== undefined) return;
  throw new XcoreError(
    "PLUGIN_IMPORT",
    `plugin '${manifest.name}' needs npm packages (${packages.names.join(", ")}) and has no package-lock.json`,
    { hint: "Make one with npm install --package-lock-only and commit it: a signature must pin what runs." },
  );
}

function requireManifest(files: readonly SignedFile[]): void {
  if (files.some(({ path }) => path === "plugin.yaml")) return;
  throw new XcoreError("SOURCE_INVALID", "git does not know plugin.yaml, so it would not be part of it", {
    hint: "Add the plugin's files first: git add .",
  });
}

async function readSignature(folder: string): Promise<Buffer | undefined> {
  try {
    return await readFile(join(folder, signatureFile));
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** As `replaceFile` does. Rejects with `SOURCE_INVALID`. */
export async function replace(file: string, content: Buffer): Promise<void> {
  try {
    await replaceFile(file, content, String(process.pid));
  } catch (error) {
    throw new XcoreError("SOURCE_INVALID", `${file} can't be written: ${messageOf(error)}`, {
      hint: "See that the folder is there and belongs to you.",
      cause: error,
    });
  }
}
