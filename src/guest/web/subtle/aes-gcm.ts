// AES-GCM keys, with the whole tag of 128 bits: https://w3c.github.io/webcrypto/#aes-gcm
import { DOMException } from "../dom-exception.ts";
import {
  badKey,
  notSupported,
  readBytes,
  type Algorithm,
  type Bytes,
  type KeyWish,
  type Parameters,
} from "./algorithm.ts";
import { base64url, checkJwk, commonMembers, member } from "./jwk.ts";
import { bytesOf, makeKey, usagesOf, type CryptoKey } from "./key.ts";
import { loadGcm, type Cipher } from "./primitives.ts";

export const aesGcm: Algorithm = {
  name: "AES-GCM",
  generate: (wish, random) => keyOf(random(bytesFor(wish.parameters["length"])), wish),
  importRaw: keyOf,
  importJwk(jwk, wish) {
    const bytes = member(jwk, "k");
    checkJwk(jwk, { kty: "oct", algs: [`A${bytes.length * 8}GCM`] }, wish.extractable);
    return keyOf(bytes, wish);
  },
  exportJwk: (key) => ({
    kty: "oct",
    k: base64url(bytesOf(key)),
    alg: `A${key.algorithm.length ?? 0}GCM`,
    ...commonMembers(key),
  }),
  encrypt: (parameters, key, plain) => cipher(parameters, key).encrypt(plain),
  decrypt(parameters, key, sealed) {
    const opened = cipher(parameters, key);
    try {
      return opened.decrypt(sealed);
    } catch {
      throw new DOMException(
        "crypto.subtle: the data was not encrypted with this key, iv and additionalData, or was changed",
        "OperationError",
      );
    }
  },
};

function cipher(parameters: Parameters, key: CryptoKey): Cipher {
  const { iv, additionalData, tagLength = 128 } = parameters;
  if (tagLength !== 128) throw notSupported(`tagLength of ${String(tagLength)}`, ["128"]);
  const nonce = readBytes(iv, "'iv'");
  // Shorter ones are allowed by the standard, and unsafe: SP 800-38D asks for 12 bytes.
  if (nonce.length < 8)
    throw new DOMException("crypto.subtle: 'iv' must have at least 8 bytes", "OperationError");
  const additional = additionalData === undefined ? undefined : readBytes(additionalData, "'additionalData'");
  return loadGcm()(bytesOf(key), nonce, additional);
}

function keyOf(bytes: Bytes, wish: KeyWish): CryptoKey {
  const length = bytes.length * 8;
  bytesFor(length);
  return makeKey(bytes, {
    type: "secret",
    algorithm: { name: "AES-GCM", length },
    extractable: wish.extractable,
    usages: usagesOf(wish.usages, ["encrypt", "decrypt"], "an AES-GCM key"),
  });
}

function bytesFor(length: unknown): number {
  if (length === 128 || length === 192 || length === 256) return length / 8;
  throw badKey(`an AES key must have 128, 192 or 256 bits, not ${String(length)}`);
}
