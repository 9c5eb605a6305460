// Keys as JSON (RFC 7517, 7518, 8037): the members that are read and written here.
import { bytesFromLatin1, latin1FromBytes } from "../bytes.ts";
import { badKey, type Bytes } from "./algorithm.ts";
import type { CryptoKey } from "./key.ts";

export function base64url(bytes: Uint8Array): string {
  return btoa(latin1FromBytes(bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The bytes of one member of a JWK. */
export function member(jwk: JsonWebKey, name: "k" | "x" | "d"): Bytes {
  const text: unknown = jwk[name];
  if (typeof text !== "string" || !/^[\w-]*$/.test(text) || text.length % 4 === 1) {
    throw badKey(`the JWK's '${name}' is no base64url text`);
  }
  return bytesFromLatin1(atob(text.replaceAll("-", "+").replaceAll("_", "/")));
}

/** Refuses a JWK that is another kind of key, or says itself that it is for something else. */
export function checkJwk(
  jwk: JsonWebKey,
  expected: { kty: string; algs: readonly string[] },
  extractable: boolean,
): void {
  if (jwk.kty !== expected.kty)
    throw badKey(`the JWK's 'kty' must be ${expected.kty}, not ${String(jwk.kty)}`);
  if (jwk.alg !== undefined && !expected.algs.includes(jwk.alg)) {
    throw badKey(`the JWK's 'alg' must be ${expected.algs.join(" or ")}, not ${String(jwk.alg)}`);
  }
  if (jwk.ext === false && extractable) throw badKey("the JWK says that it must not be extractable");
}

export function commonMembers(key: CryptoKey): Pick<JsonWebKey, "ext" | "key_ops"> {
  return { key_ops: [...key.usages], ext: key.extractable };
}
