// A signer's key pair: Ed25519, the private half as PKCS #8 in a file that only its owner may read.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { XcoreError, messageOf, systemCode } from "../../base/error.ts";
import { fingerprintOf, publicKeyText } from "../../base/public-key.ts";

export interface KeyPair {
  /** Absolute, or undefined where the key came out of a variable. */
  readonly file: string | undefined;
  /** `ed25519:…` */
  readonly publicKey: string;
  readonly fingerprint: string;
}

export interface SigningKey extends KeyPair {
  readonly privateKey: KeyObject;
}

/** Holds a private key as PEM where no file is wanted, as in CI. */
export const signingKeyVariable = "XCORE_SIGNING_KEY";

/** Where a key lies when none is named: the user's configuration folder, outside of every project. */
export function standardKeyFile(env: NodeJS.ProcessEnv = process.env): string {
  return join(env["XDG_CONFIG_HOME"] || join(homedir(), ".config"), "xcore", "signing.key");
}

/** Writes a new key with mode 0600. Throws `FOLDER_NOT_EMPTY` rather than replace a file. */
export async function newKey(file: string): Promise<KeyPair> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const text = privateKey.export({ format: "pem", type: "pkcs8" });
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  let handle;
  try {
    handle = await open(file, "wx", 0o600);
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw unwritable(file, error);
    throw new XcoreError("FOLDER_NOT_EMPTY", `${file} is there already; a key is never replaced`, {
      hint: "Name another file: xcore key new <file>",
      details: { file },
    });
  }
  try {
    await handle.writeFile(text);
    await handle.sync();
  } catch (error) {
    await rm(file, { force: true });
    throw unwritable(file, error);
  } finally {
    await handle.close();
  }
  const written = publicKeyText(publicKey);
  return { file, publicKey: written, fingerprint: fingerprintOf(written) };
}

/** The key in `file`, else in `XCORE_SIGNING_KEY`, else at the standard place. Throws `SIGNING_KEY`. */
export async function readSigningKey(
  file: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): Promise<SigningKey> {
  const given = env[signingKeyVariable];
  if (file === undefined && given !== undefined && given !== "") {
    return parsed(given, signingKeyVariable, undefined);
  }
  const from = file ?? standardKeyFile(env);
  let text: string;
  try {
    await refuseShared(from);
    text = await readFile(from, "utf8");
  } catch (error) {
    if (error instanceof XcoreError) throw error;
    const why = systemCode(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new XcoreError("SIGNING_KEY", `the signing key ${from} can't be read: ${why}`, {
      hint: `Make one with xcore key new, name it with --key, or put it into ${signingKeyVariable}.`,
      details: { file: from },
    });
  }
  return parsed(text, from, from);
}

function parsed(text: string, where: string, file: string | undefined): SigningKey {
  let privateKey: KeyObject;
  try {
    privateKey = createPrivateKey(text);
  } catch {
    throw notAKey(where, "it is no private key in PEM");
  }
  if (privateKey.asymmetricKeyType !== "ed25519") {
    throw notAKey(where, `it is a key for ${privateKey.asymmetricKeyType ?? "something else"}`);
  }
  const publicKey = publicKeyText(createPublicKey(privateKey));
  return { file, privateKey, publicKey, fingerprint: fingerprintOf(publicKey) };
}

// As ssh does: a key that others can read is no secret any more. Windows has no such modes.
async function refuseShared(file: string): Promise<void> {
  const { mode } = await stat(file);
  if (process.platform === "win32" || (mode & 0o077) === 0) return;
  throw new XcoreError("SIGNING_KEY", `the signing key ${file} can be read by others`, {
    hint: `Take that away with: chmod 600 ${file}. If somebody may have read it, make a new one.`,
    details: { file, mode: (mode & 0o777).toString(8) },
  });
}

function notAKey(where: string, why: string): XcoreError {
  return new XcoreError("SIGNING_KEY", `the signing key in ${where} can't be used: ${why}`, {
    hint: "Give an Ed25519 key as xcore key new writes it (PEM, PKCS #8).",
  });
}

function unwritable(file: string, error: unknown): XcoreError {
  return new XcoreError("SIGNING_KEY", `the key can't be written to ${file}: ${messageOf(error)}`, {
    hint: "Name a file in a folder you may write to: xcore key new <file>",
    details: { file },
  });
}
