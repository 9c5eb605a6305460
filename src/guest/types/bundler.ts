// What only exists while the runtime is bundled.

declare global {
  /** Resolved by esbuild: the package becomes part of the bundle and runs when this is first reached. */
  function require(specifier: string): unknown;
}
