// The most a plugin's source may bring.

export interface Caps {
  /** Files it consists of, vendored dependencies included. */
  readonly files: number;
  readonly fileBytes: number;
  readonly totalBytes: number;
  /** What may come over the network or out of an archive's compression. */
  readonly transferBytes: number;
  /** Silence of the other side. */
  readonly idleMs: number;
  /** One fetch as a whole. */
  readonly fetchMs: number;
}

const mb = 1024 ** 2;

export const defaultCaps: Caps = {
  files: 20_000,
  fileBytes: 32 * mb,
  totalBytes: 128 * mb,
  transferBytes: 256 * mb,
  idleMs: 30_000,
  fetchMs: 180_000,
};
