// CryptoKey: what it may be used for, said to everybody; its bytes, only to the algorithms here.
import { DOMException } from "../dom-exception.ts";

export type KeyUsage = "sign" | "verify" | "encrypt" | "decrypt";

export interface KeyAlgorithm {
  readonly name: string;
  readonly length?: number;
  readonly hash?: { readonly name: string };
}

export interface KeyOptions {
  readonly type: "secret" | "public" | "private";
  readonly algorithm: KeyAlgorithm;
  readonly extractable: boolean;
  readonly usages: readonly KeyUsage[];
}

/** Takes the bytes over: they must be nobody else's. */
export let makeKey: (bytes: Uint8Array<ArrayBuffer>, options: KeyOptions) => CryptoKey;

export let bytesOf: (key: CryptoKey) => Uint8Array<ArrayBuffer>;

export let isKey: (value: unknown) => value is CryptoKey;

export class CryptoKey {
  readonly type: KeyOptions["type"];
  readonly extractable: boolean;
  readonly algorithm: KeyAlgorithm;
  readonly usages: readonly KeyUsage[];
  readonly #bytes: Uint8Array<ArrayBuffer>;

  static {
    makeKey = (bytes, options) => new CryptoKey(bytes, options);
    bytesOf = (key) => key.#bytes;
    isKey = (value): value is CryptoKey => typeof value === "object" && value !== null && #bytes in value;
  }

  private constructor(bytes: Uint8Array<ArrayBuffer>, options: KeyOptions) {
    this.#bytes = bytes;
    this.type = options.type;
    this.extractable = options.extractable;
    this.algorithm = Object.freeze(options.algorithm);
    this.usages = Object.freeze(options.usages);
    Object.freeze(this);
  }

  get [Symbol.toStringTag](): string {
    return "CryptoKey";
  }
}

/** The usages asked for; refuses one that such a key does not have, and none at all. */
export function usagesOf(asked: readonly KeyUsage[], allowed: readonly KeyUsage[], what: string): KeyUsage[] {
  const foreign = asked.find((usage) => !allowed.includes(usage));
  if (foreign !== undefined) {
    throw new DOMException(
      `${what} can't be used to '${foreign}'; it can ${allowed.join(", ")}`,
      "SyntaxError",
    );
  }
  return allowed.filter((usage) => asked.includes(usage));
}
