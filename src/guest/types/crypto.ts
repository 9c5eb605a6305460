// crypto.subtle inside a plugin: these algorithms, keys as `raw` or `jwk`, and no others.
export type KeyFormat = "raw" | "jwk";

declare global {
  type BufferSource = ArrayBuffer | ArrayBufferView;
  type KeyUsage = "sign" | "verify" | "encrypt" | "decrypt";
  type HashAlgorithmIdentifier = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";

  interface HmacKeyParams {
    name: "HMAC";
    hash: HashAlgorithmIdentifier | { name: HashAlgorithmIdentifier };
    /** In bits, for a new key. */
    length?: number;
  }
  interface AesGcmParams {
    name: "AES-GCM";
    /** 12 bytes, never twice the same with one key. */
    iv: BufferSource;
    additionalData?: BufferSource;
    tagLength?: 128;
  }

  interface JsonWebKey {
    kty?: string;
    crv?: string;
    alg?: string;
    k?: string;
    x?: string;
    d?: string;
    ext?: boolean;
    key_ops?: string[];
    use?: string;
  }

  interface CryptoKey {
    readonly type: "secret" | "public" | "private";
    readonly extractable: boolean;
    readonly algorithm: {
      readonly name: string;
      readonly length?: number;
      readonly hash?: { readonly name: string };
    };
    readonly usages: readonly KeyUsage[];
  }
  var CryptoKey: { prototype: CryptoKey };
  interface CryptoKeyPair {
    readonly publicKey: CryptoKey;
    readonly privateKey: CryptoKey;
  }

  type Ed25519Identifier = "Ed25519" | { name: "Ed25519" };
  type SigningIdentifier = "HMAC" | { name: "HMAC" } | Ed25519Identifier;
  type AesGcmIdentifier = "AES-GCM" | { name: "AES-GCM" };

  interface SubtleCrypto {
    digest(
      hash: HashAlgorithmIdentifier | { name: HashAlgorithmIdentifier },
      data: BufferSource,
    ): Promise<ArrayBuffer>;
    generateKey(
      algorithm: Ed25519Identifier,
      extractable: boolean,
      usages: readonly KeyUsage[],
    ): Promise<CryptoKeyPair>;
    generateKey(
      algorithm: HmacKeyParams | { name: "AES-GCM"; length: 128 | 192 | 256 },
      extractable: boolean,
      usages: readonly KeyUsage[],
    ): Promise<CryptoKey>;
    /** `raw`: a secret, or the public half of Ed25519. */
    importKey(
      format: "raw",
      data: BufferSource,
      algorithm: HmacKeyParams | Ed25519Identifier | AesGcmIdentifier,
      extractable: boolean,
      usages: readonly KeyUsage[],
    ): Promise<CryptoKey>;
    importKey(
      format: "jwk",
      data: JsonWebKey,
      algorithm: HmacKeyParams | Ed25519Identifier | AesGcmIdentifier,
      extractable: boolean,
      usages: readonly KeyUsage[],
    ): Promise<CryptoKey>;
    exportKey(format: "raw", key: CryptoKey): Promise<ArrayBuffer>;
    exportKey(format: "jwk", key: CryptoKey): Promise<JsonWebKey>;
    sign(algorithm: SigningIdentifier, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
    verify(
      algorithm: SigningIdentifier,
      key: CryptoKey,
      signature: BufferSource,
      data: BufferSource,
    ): Promise<boolean>;
    encrypt(algorithm: AesGcmParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
    decrypt(algorithm: AesGcmParams, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer>;
  }
}
