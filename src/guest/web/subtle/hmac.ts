// HMAC keys: https://w3c.github.io/webcrypto/#hmac
import { badKey, readHash, type Algorithm, type Bytes, type KeyWish } from "./algorithm.ts";
import { base64url, checkJwk, commonMembers, member } from "./jwk.ts";
import { bytesOf, makeKey, usagesOf, type CryptoKey } from "./key.ts";
import { loadHash, loadHmac } from "./primitives.ts";

export const hmac: Algorithm = {
  name: "HMAC",
  generate(wish, random) {
    const { length } = wish.parameters;
    const bytes = length === undefined ? loadHash(hashOf(wish)).blockLen : Number(length) / 8;
    if (!Number.isInteger(bytes) || bytes < 1 || bytes > 1024) {
      throw badKey(`an HMAC key's length must be a multiple of 8 from 8 to 8192 bits, not ${String(length)}`);
    }
    return keyOf(random(bytes), wish);
  },
  importRaw: keyOf,
  importJwk(jwk, wish) {
    checkJwk(jwk, { kty: "oct", algs: [jwkName(hashOf(wish))] }, wish.extractable);
    return keyOf(member(jwk, "k"), wish);
  },
  exportJwk: (key) => ({
    kty: "oct",
    k: base64url(bytesOf(key)),
    alg: jwkName(key.algorithm.hash?.name ?? ""),
    ...commonMembers(key),
  }),
  sign,
  verify(key, signature, message) {
    const expected = sign(key, message);
    // Every byte is looked at, so that the time says nothing about which one differs.
    let difference = expected.length ^ signature.length;
    for (const [at, byte] of expected.entries()) difference |= byte ^ (signature[at] ?? 0);
    return difference === 0;
  },
};

function sign(key: CryptoKey, message: Bytes): Bytes {
  return loadHmac()(loadHash(readHash(key.algorithm.hash)), bytesOf(key), message);
}

function keyOf(bytes: Bytes, wish: KeyWish): CryptoKey {
  if (bytes.length === 0) throw badKey("an HMAC key can't be empty");
  return makeKey(bytes, {
    type: "secret",
    algorithm: { name: "HMAC", hash: { name: hashOf(wish) }, length: bytes.length * 8 },
    extractable: wish.extractable,
    usages: usagesOf(wish.usages, ["sign", "verify"], "an HMAC key"),
  });
}

function hashOf(wish: KeyWish) {
  return readHash(wish.parameters["hash"]);
}

function jwkName(hash: string): string {
  return hash.replace("SHA-", "HS");
}
