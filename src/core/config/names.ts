// The names plugins, services and projects may have: safe as a folder, a URL segment and a database schema.

export const namePattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
export const nameLength = 40;
export const nameRule =
  "lower-case letters, digits and single dashes, starting with a letter, at most 40 characters";

// Device names of Windows, names every object has, and names the core speaks under itself.
const reserved = new Set(
  "con prn aux nul com0 com1 com2 com3 com4 com5 com6 com7 com8 com9 lpt0 lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8 lpt9 constructor prototype core xcore".split(
    " ",
  ),
);

const matcher = new RegExp(namePattern);

/** Why a name can't be used, as the rest of a sentence after it; undefined when it can. */
export function nameFault(name: string): string | undefined {
  if (reserved.has(name)) return "is a reserved name";
  if (name.length > nameLength || !matcher.test(name)) return `is no valid name: use ${nameRule}`;
  return undefined;
}
