// The mathematics, from the noble packages: run when an algorithm is first used. Their types are said here, as in ../polyfills.ts.

export type HashName = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";

export interface Hash {
  (message: Uint8Array): Uint8Array<ArrayBuffer>;
  readonly blockLen: number;
  readonly outputLen: number;
}

export function loadHash(name: HashName): Hash {
  if (name === "SHA-1") return (require("@noble/hashes/legacy.js") as { sha1: Hash }).sha1;
  const { sha256, sha384, sha512 } = require("@noble/hashes/sha2.js") as Record<string, Hash>;
  return { "SHA-256": sha256, "SHA-384": sha384, "SHA-512": sha512 }[name] as Hash;
}

type Hmac = (hash: Hash, key: Uint8Array, message: Uint8Array) => Uint8Array<ArrayBuffer>;

export function loadHmac(): Hmac {
  return (require("@noble/hashes/hmac.js") as { hmac: Hmac }).hmac;
}

export interface Ed25519 {
  getPublicKey(secret: Uint8Array): Uint8Array<ArrayBuffer>;
  sign(message: Uint8Array, secret: Uint8Array): Uint8Array<ArrayBuffer>;
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean;
}

export function loadEd25519(): Ed25519 {
  const curve = require("@noble/ed25519") as Ed25519 & { hashes: { sha512: Hash | undefined } };
  curve.hashes.sha512 = loadHash("SHA-512");
  return curve;
}

export interface Cipher {
  encrypt(plain: Uint8Array): Uint8Array<ArrayBuffer>;
  decrypt(sealed: Uint8Array): Uint8Array<ArrayBuffer>;
}

type Gcm = (key: Uint8Array, nonce: Uint8Array, additional?: Uint8Array) => Cipher;

export function loadGcm(): Gcm {
  return (require("@noble/ciphers/aes.js") as { gcm: Gcm }).gcm;
}
