// What each algorithm with keys does for crypto.subtle, and what they share in reading their parameters.
import { copyOfBytes } from "../bytes.ts";
import { DOMException } from "../dom-exception.ts";
import type { CryptoKey, KeyUsage } from "./key.ts";
import type { HashName } from "./primitives.ts";

export type Bytes = Uint8Array<ArrayBuffer>;

/** `{ name, … }`; a bare name has become one. */
export type Parameters = Readonly<Record<string, unknown>> & { readonly name: string };

export interface KeyWish {
  readonly parameters: Parameters;
  readonly extractable: boolean;
  readonly usages: readonly KeyUsage[];
}

export interface KeyPair {
  readonly publicKey: CryptoKey;
  readonly privateKey: CryptoKey;
}

export interface Algorithm {
  readonly name: string;
  generate(wish: KeyWish, random: (length: number) => Bytes): CryptoKey | KeyPair;
  importRaw(bytes: Bytes, wish: KeyWish): CryptoKey;
  importJwk(jwk: JsonWebKey, wish: KeyWish): CryptoKey;
  exportJwk(key: CryptoKey): JsonWebKey;
  sign?(key: CryptoKey, message: Bytes): Bytes;
  verify?(key: CryptoKey, signature: Bytes, message: Bytes): boolean;
  encrypt?(parameters: Parameters, key: CryptoKey, plain: Bytes): Bytes;
  decrypt?(parameters: Parameters, key: CryptoKey, sealed: Bytes): Bytes;
}

export function readParameters(given: unknown): Parameters {
  const parameters = typeof given === "string" ? { name: given } : given;
  if (typeof parameters === "object" && parameters !== null && "name" in parameters) {
    return { ...parameters, name: String(parameters.name) };
  }
  throw new TypeError("crypto.subtle: the algorithm must be a name or an object with a 'name'");
}

const hashNames: readonly HashName[] = ["SHA-1", "SHA-256", "SHA-384", "SHA-512"];

export function readHash(given: unknown): HashName {
  const { name } = readParameters(given);
  const known = hashNames.find((hash) => hash === name.toUpperCase());
  if (known === undefined) throw notSupported(`hash '${name}'`, hashNames);
  return known;
}

/** A copy: what the caller changes later changes nothing. */
export function readBytes(source: unknown, what: string): Bytes {
  const bytes = copyOfBytes(source);
  if (bytes === undefined)
    throw new TypeError(`crypto.subtle: ${what} must be an ArrayBuffer or a view of one`);
  return bytes;
}

export function notSupported(what: string, known: readonly string[]): DOMException {
  return new DOMException(
    `crypto.subtle: inside a plugin there is no ${what}; there is ${known.join(", ")}`,
    "NotSupportedError",
  );
}

export function badKey(message: string): DOMException {
  return new DOMException(`crypto.subtle: ${message}`, "DataError");
}
