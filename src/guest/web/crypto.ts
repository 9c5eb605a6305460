// The global crypto: its randomness is a ChaCha20 generator, started from the core's seed.
import { bytesFromLatin1 } from "./bytes.ts";
import { DOMException } from "./dom-exception.ts";
import { loadGenerator, type Generator } from "./polyfills.ts";
import { SubtleCrypto } from "./subtle/subtle.ts";

/** `seed` gives bytes as latin1 text once the boot record has come. */
export function makeCrypto(seed: () => string | undefined): object {
  let generator: Generator | undefined;
  const random = (length: number): Uint8Array<ArrayBuffer> => {
    generator ??= makeGenerator(seed());
    return generator.randomBytes(length);
  };
  return {
    subtle: new SubtleCrypto(random),
    getRandomValues<View extends ArrayBufferView>(view: View): View {
      if (!ArrayBuffer.isView(view) || view instanceof DataView || isFloats(view)) {
        throw new DOMException("getRandomValues: expected an integer typed array", "TypeMismatchError");
      }
      if (view.byteLength > 65_536) {
        throw new DOMException(
          `getRandomValues: ${view.byteLength} bytes are more than 65536`,
          "QuotaExceededError",
        );
      }
      new Uint8Array(view.buffer, view.byteOffset, view.byteLength).set(random(view.byteLength));
      return view;
    },
    randomUUID(): string {
      const bytes = random(16);
      bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
      bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
      const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    },
  };
}

function makeGenerator(seed: string | undefined): Generator {
  if (seed === undefined || seed.length < 32) {
    throw new DOMException(
      "crypto: there is no randomness yet while the plugin's module is evaluated; ask for it in start() or in a handler",
      "InvalidStateError",
    );
  }
  return loadGenerator()(bytesFromLatin1(seed));
}

function isFloats(view: ArrayBufferView): boolean {
  return view instanceof Float32Array || view instanceof Float64Array;
}
