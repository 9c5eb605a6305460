// Ed25519 keys: https://w3c.github.io/webcrypto/#ed25519
import { badKey, type Algorithm, type Bytes, type KeyWish } from "./algorithm.ts";
import { base64url, checkJwk, commonMembers, member } from "./jwk.ts";
import { bytesOf, makeKey, usagesOf, type CryptoKey, type KeyUsage } from "./key.ts";
import { loadEd25519 } from "./primitives.ts";

export const ed25519: Algorithm = {
  name: "Ed25519",
  generate(wish, random) {
    usagesOf(wish.usages, ["sign", "verify"], "a pair of Ed25519 keys");
    const only = (usage: KeyUsage): KeyUsage[] => wish.usages.filter((asked) => asked === usage);
    const secret = random(32);
    return {
      // https://w3c.github.io/webcrypto/#ed25519-operations: the public half may always leave.
      publicKey: publicKey(loadEd25519().getPublicKey(secret), {
        ...wish,
        extractable: true,
        usages: only("verify"),
      }),
      privateKey: privateKey(secret, { ...wish, usages: only("sign") }),
    };
  },
  importRaw: publicKey,
  importJwk(jwk, wish) {
    checkJwk(jwk, { kty: "OKP", algs: ["EdDSA", "Ed25519"] }, wish.extractable);
    if (jwk.crv !== "Ed25519") throw badKey(`the JWK's 'crv' must be Ed25519, not ${String(jwk.crv)}`);
    if (jwk.d === undefined) return publicKey(member(jwk, "x"), wish);
    const key = privateKey(member(jwk, "d"), wish);
    if (base64url(publicHalf(key)) !== jwk.x) throw badKey("the JWK's 'x' does not belong to its 'd'");
    return key;
  },
  exportJwk: (key) => ({
    kty: "OKP",
    crv: "Ed25519",
    x: base64url(key.type === "public" ? bytesOf(key) : publicHalf(key)),
    ...(key.type === "private" ? { d: base64url(bytesOf(key)) } : {}),
    ...commonMembers(key),
  }),
  sign: (key, message) => loadEd25519().sign(message, bytesOf(key)),
  verify: (key, signature, message) =>
    signature.length === 64 && loadEd25519().verify(signature, message, bytesOf(key)),
};

function publicKey(bytes: Bytes, wish: KeyWish): CryptoKey {
  return keyOf(bytes, "public", "verify", wish);
}

function privateKey(bytes: Bytes, wish: KeyWish): CryptoKey {
  return keyOf(bytes, "private", "sign", wish);
}

function keyOf(bytes: Bytes, type: "public" | "private", usage: KeyUsage, wish: KeyWish): CryptoKey {
  if (bytes.length !== 32) throw badKey(`an Ed25519 ${type} key must have 32 bytes, not ${bytes.length}`);
  return makeKey(bytes, {
    type,
    algorithm: { name: "Ed25519" },
    extractable: wish.extractable,
    usages: usagesOf(wish.usages, [usage], `an Ed25519 ${type} key`),
  });
}

function publicHalf(key: CryptoKey): Bytes {
  return loadEd25519().getPublicKey(bytesOf(key));
}
