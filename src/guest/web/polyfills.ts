// The packages that are loaded late. `require` is resolved by the bundler: it runs the package's code at this point, once.
// Their types are said here in a line each: some of them pull in Node's, which do not exist inside.

export function loadUrl(): { URL: unknown; URLSearchParams: unknown } {
  return {
    URL: require("core-js-pure/actual/url"),
    URLSearchParams: require("core-js-pure/actual/url-search-params"),
  };
}

export function loadEncoding(): { TextEncoder: unknown; TextDecoder: unknown } {
  return require("@exodus/bytes/encoding-lite.js") as { TextEncoder: unknown; TextDecoder: unknown };
}

export function loadClone(): { structuredClone: unknown } {
  // The package's own entry brings a Map and a Set of its own, whose copies would be no Map and no Set.
  require("core-js-pure/modules/web.structured-clone");
  return require("core-js-pure/internals/path") as { structuredClone: unknown };
}

export function loadBase64(): { atob: unknown; btoa: unknown } {
  return { atob: require("core-js-pure/actual/atob"), btoa: require("core-js-pure/actual/btoa") };
}

export function loadStreams(): Readonly<Record<string, unknown>> {
  return require("web-streams-polyfill") as Readonly<Record<string, unknown>>;
}

/** One part of a multipart body. */
export interface MultipartPart {
  name: string | undefined;
  filename: string | undefined;
  mediaType: string | undefined;
  bytes: Uint8Array;
}

export function loadMultipart(): (
  body: Uint8Array,
  options: { boundary: string; maxParts: number; maxFileSize: number; maxTotalSize: number },
) => Iterable<MultipartPart> {
  return (require("@remix-run/multipart-parser") as { parseMultipart: ReturnType<typeof loadMultipart> })
    .parseMultipart;
}

export interface Generator {
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
}

/** Gives a generator for a seed. */
export function loadGenerator(): (seed: Uint8Array) => Generator {
  const { rngChacha20 } = require("@noble/ciphers/chacha.js") as {
    rngChacha20: (seed: Uint8Array) => Generator;
  };
  return rngChacha20;
}

/** A keyword that was not met, and where. */
export interface SchemaFault {
  /** A JSON pointer behind '#'. */
  instanceLocation: string;
  keyword: string;
  error: string;
}

/** Interprets the schema: no code is made from it. */
export function loadSchemaValidator(): new (
  schema: object | boolean,
  draft: "2020-12",
  shortCircuit: boolean,
) => { validate(instance: unknown): { valid: boolean; errors: SchemaFault[] } } {
  return (require("@cfworker/json-schema") as { Validator: ReturnType<typeof loadSchemaValidator> })
    .Validator;
}
