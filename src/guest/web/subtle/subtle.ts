// crypto.subtle, the part that is used most: https://w3c.github.io/webcrypto/#subtlecrypto-interface
import { DOMException } from "../dom-exception.ts";
import { aesGcm } from "./aes-gcm.ts";
import {
  notSupported,
  readBytes,
  readHash,
  readParameters,
  type Algorithm,
  type Bytes,
  type KeyPair,
  type KeyWish,
} from "./algorithm.ts";
import { ed25519 } from "./ed25519.ts";
import { hmac } from "./hmac.ts";
import { bytesOf, isKey, type CryptoKey, type KeyUsage } from "./key.ts";
import { loadHash } from "./primitives.ts";

const algorithms: readonly Algorithm[] = [hmac, ed25519, aesGcm];
const formats = ["raw", "jwk"];

export class SubtleCrypto {
  readonly #random: (length: number) => Bytes;

  constructor(random: (length: number) => Bytes) {
    this.#random = random;
  }

  async digest(hash: unknown, data: unknown): Promise<ArrayBuffer> {
    const bytes = readBytes(data, "the data");
    return bufferOf(loadHash(readHash(hash))(bytes));
  }

  async generateKey(
    algorithm: unknown,
    extractable: boolean,
    usages: readonly KeyUsage[],
  ): Promise<CryptoKey | KeyPair> {
    const wish = wishOf(algorithm, extractable, usages);
    const made = algorithmOf(wish.parameters.name).generate(wish, this.#random);
    needUsage("privateKey" in made ? made.privateKey : made);
    return made;
  }

  async importKey(
    format: string,
    data: unknown,
    algorithm: unknown,
    extractable: boolean,
    usages: readonly KeyUsage[],
  ): Promise<CryptoKey> {
    checkFormat(format);
    const wish = wishOf(algorithm, extractable, usages);
    const { importJwk, importRaw } = algorithmOf(wish.parameters.name);
    if (format === "raw") return needUsage(importRaw(readBytes(data, "the key"), wish));
    if (typeof data !== "object" || data === null)
      throw new TypeError("crypto.subtle: a JWK must be an object");
    return needUsage(importJwk(data as JsonWebKey, wish));
  }

  async exportKey(format: string, key: unknown): Promise<ArrayBuffer | JsonWebKey> {
    checkFormat(format);
    const own = keyOf(key);
    if (!own.extractable) throw notAllowed("the key is not extractable");
    if (format === "jwk") return algorithmOf(own.algorithm.name).exportJwk(own);
    if (own.type === "private") throw notAllowed("a private key can't be exported as 'raw'; use 'jwk'");
    return bytesOf(own).slice().buffer;
  }

  async sign(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    const { own, does } = prepare(algorithm, key, "sign");
    return bufferOf(does(own, readBytes(data, "the data")));
  }

  async verify(algorithm: unknown, key: unknown, signature: unknown, data: unknown): Promise<boolean> {
    const { own, does } = prepare(algorithm, key, "verify");
    return does(own, readBytes(signature, "the signature"), readBytes(data, "the data"));
  }

  async encrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    const { parameters, own, does } = prepare(algorithm, key, "encrypt");
    return bufferOf(does(parameters, own, readBytes(data, "the data")));
  }

  async decrypt(algorithm: unknown, key: unknown, data: unknown): Promise<ArrayBuffer> {
    const { parameters, own, does } = prepare(algorithm, key, "decrypt");
    return bufferOf(does(parameters, own, readBytes(data, "the data")));
  }

  get [Symbol.toStringTag](): string {
    return "SubtleCrypto";
  }
}

/** The key, checked for this use, and what the algorithm does with it. */
function prepare<Usage extends KeyUsage>(given: unknown, key: unknown, usage: Usage) {
  const parameters = readParameters(given);
  const algorithm = algorithmOf(parameters.name);
  const own = keyOf(key);
  if (own.algorithm.name !== algorithm.name) {
    throw notAllowed(`the key is for ${own.algorithm.name}, not for ${algorithm.name}`);
  }
  const does = algorithm[usage];
  if (does === undefined) throw notSupported(`'${usage}' of ${algorithm.name}`, usesOf(algorithm));
  if (!own.usages.includes(usage)) throw notAllowed(`the key was not made to '${usage}'`);
  return { parameters, own, does: does as NonNullable<Algorithm[Usage]> };
}

function usesOf(algorithm: Algorithm): string[] {
  return (["sign", "verify", "encrypt", "decrypt"] as const).filter((use) => algorithm[use] !== undefined);
}

function wishOf(algorithm: unknown, extractable: boolean, usages: readonly KeyUsage[]): KeyWish {
  return { parameters: readParameters(algorithm), extractable: Boolean(extractable), usages: [...usages] };
}

function algorithmOf(name: string): Algorithm {
  const known = algorithms.find((algorithm) => algorithm.name.toUpperCase() === name.toUpperCase());
  if (known !== undefined) return known;
  throw notSupported(
    `algorithm '${name}'`,
    algorithms.map((algorithm) => algorithm.name),
  );
}

function checkFormat(format: string): void {
  if (!formats.includes(format)) throw notSupported(`format '${String(format)}' of keys`, formats);
}

function keyOf(value: unknown): CryptoKey {
  if (isKey(value)) return value;
  throw new TypeError("crypto.subtle: the key must be a CryptoKey, from importKey or generateKey");
}

/** A key that is secret and for nothing is a mistake; a public one may be. */
function needUsage(key: CryptoKey): CryptoKey {
  if (key.type !== "public" && key.usages.length === 0) {
    throw new DOMException(
      "crypto.subtle: a secret key must be for something: give it usages",
      "SyntaxError",
    );
  }
  return key;
}

/** What comes out may be a part of a larger buffer. */
function bufferOf(bytes: Bytes): ArrayBuffer {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
}

function notAllowed(message: string): DOMException {
  return new DOMException(`crypto.subtle: ${message}`, "InvalidAccessError");
}
