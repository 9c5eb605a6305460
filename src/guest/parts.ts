// Packages that few plugins need. They come as texts that all isolates of a host share, and are run here when somebody first needs
// them; what the build makes of `require("core-js-pure/actual/url")` in this folder is a call of `part`.

/** What a text gives: loaders by the names under which they are required. */
type Part = Readonly<Record<string, () => unknown>>;

/** The indirect one: it runs in the global scope. Taken before plugin code can put another in its place. */
// oxlint-disable-next-line no-eval -- the texts are the build's own
const evaluate = eval;
const holder = globalThis as { __xcore_parts?: Readonly<Record<string, string>> };
const texts = holder.__xcore_parts ?? {};
delete holder.__xcore_parts;
const loaded: Record<string, Part> = {};

export function part(name: string): Part {
  const text = texts[name];
  if (text === undefined) throw new Error(`the guest runtime has no part '${name}'`);
  return (loaded[name] ??= evaluate(text) as Part);
}
