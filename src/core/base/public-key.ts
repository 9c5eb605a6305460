// A signer's public key as people write it: `ed25519:` and the 32 bytes in base64; and its short name, the fingerprint.
import { createHash, createPublicKey, type KeyObject } from "node:crypto";

export const publicKeyPattern = "^ed25519:[A-Za-z0-9+/]{43}=$";

// RFC 8410: the SubjectPublicKeyInfo of an Ed25519 key is this prefix and the 32 bytes of the key.
const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** The key behind its text; undefined when it is none. */
export function publicKeyOf(text: string): KeyObject | undefined {
  if (!new RegExp(publicKeyPattern).test(text)) return undefined;
  const bytes = Buffer.from(text.slice("ed25519:".length), "base64");
  return createPublicKey({ key: Buffer.concat([spkiPrefix, bytes]), format: "der", type: "spki" });
}

export function publicKeyText(key: KeyObject): string {
  const spki = key.export({ format: "der", type: "spki" });
  return `ed25519:${spki.subarray(spkiPrefix.length).toString("base64")}`;
}

/** `SHA256:` and the digest of the 32 bytes in base64, for comparing by eye and as the key's id in signatures. */
export function fingerprintOf(text: string): string {
  const bytes = Buffer.from(text.slice("ed25519:".length), "base64");
  return `SHA256:${createHash("sha256").update(bytes).digest("base64").replace(/=+$/, "")}`;
}
