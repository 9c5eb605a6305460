// `npm:@scope/name@range`: an npm package as a source. The prefix is never guessed, so that no misspelt path or name asks a registry.
import semver from "semver";

export interface NpmSpec {
  readonly name: string;
  /** A version, a range or a tag; undefined: what the registry calls the newest. */
  readonly range: string | undefined;
}

const namePattern = /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;
const tagPattern = /^[a-z0-9][\w.-]*$/i;
const longest = 214;

/** `text` is what stands behind `npm:`. A text instead of the parts says what is wrong, after "…: ". */
export function parseNpmSpec(text: string): NpmSpec | string {
  const at = text.indexOf("@", 1);
  const name = at === -1 ? text : text.slice(0, at);
  const range = at === -1 ? undefined : text.slice(at + 1).trim();
  if (name.length > longest || !namePattern.test(name)) return `'${name}' is no name of an npm package`;
  if (range === "" || (range !== undefined && semver.validRange(range) === null && !tagPattern.test(range)))
    return `'${range}' is no version, range or tag`;
  return { name, range };
}

/** `@acme` of `@acme/notes`. */
export const scopeOf = (name: string): string | undefined => /^(@[^/]+)\//.exec(name)?.[1];
