// Takes away what would let a plugin hold memory that the isolate's limit does not see (measured; see docs/decisions).

export function lockDown(): void {
  for (const name of ["WebAssembly", "SharedArrayBuffer", "Atomics"]) {
    Reflect.deleteProperty(globalThis, name);
  }
  // V8's own (see wire/crossing.ts) can't be deleted, but it can be emptied for good.
  if ("gc" in globalThis) Reflect.defineProperty(globalThis, "gc", { value: undefined, writable: false });
  refuseResizableBuffers();
}

/** `ArrayBuffer` without `maxByteLength`: the only way to a resizable buffer is a constructor, and this is the only one left. */
function refuseResizableBuffers(): void {
  const Native = ArrayBuffer;
  const { construct } = Reflect;
  function Bounded(this: unknown, length: number, options?: { maxByteLength?: number }): ArrayBuffer {
    if (new.target === undefined) throw new TypeError("Constructor ArrayBuffer requires 'new'");
    if (options?.maxByteLength !== undefined) {
      throw new RangeError("ArrayBuffer: a plugin's buffers can't be resizable (maxByteLength)");
    }
    return construct(Native, [length], new.target) as ArrayBuffer;
  }
  for (const key of Reflect.ownKeys(Native)) {
    const descriptor = Object.getOwnPropertyDescriptor(Native, key);
    if (descriptor !== undefined) Object.defineProperty(Bounded, key, descriptor);
  }
  Object.defineProperty(Native.prototype, "constructor", {
    value: Bounded,
    writable: true,
    configurable: true,
  });
  Object.defineProperty(globalThis, "ArrayBuffer", { value: Bounded, writable: true, configurable: true });
}
