// The intrinsics that mailbox, timers and call table stand on, taken before any plugin code runs:
// whatever a plugin replaces afterwards, its own answers still go out whole.

const { bind, call } = Function.prototype;

/** `method` as a function that takes its receiver first. */
function uncurry<Self, Args extends unknown[], Result>(
  method: (this: Self, ...args: Args) => Result,
): (self: Self, ...args: Args) => Result {
  return bind.call(call, method) as (self: Self, ...args: Args) => Result;
}

export const stringSlice: (text: string, start: number, end?: number) => string = uncurry(
  String.prototype.slice,
);
export const stringIndexOf: (text: string, search: string, from?: number) => number = uncurry(
  String.prototype.indexOf,
);
export const charCodeAt: (text: string, at: number) => number = uncurry(String.prototype.charCodeAt);
export const stringSplit: (text: string, separator: string) => string[] = uncurry(
  String.prototype.split as (this: string, separator: string) => string[],
);

export const jsonParse = JSON.parse;
export const jsonStringify: (
  value: unknown,
  replace?: (key: string, value: unknown) => unknown,
) => string | undefined = JSON.stringify;
export const NativePromise = Promise;
export const NativeError = Error;
export const NativeSyntaxError = SyntaxError;
export const freeze = Object.freeze;
export const now = Date.now;

/** A Map that keeps the methods it was born with. */
export class SafeMap<Key, Value> extends Map<Key, Value> {}
for (const name of Reflect.ownKeys(Map.prototype)) {
  const descriptor = Object.getOwnPropertyDescriptor(Map.prototype, name);
  if (name !== "constructor" && descriptor !== undefined) {
    Object.defineProperty(SafeMap.prototype, name, descriptor);
  }
}
Object.freeze(SafeMap.prototype);
