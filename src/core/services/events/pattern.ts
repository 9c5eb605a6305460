// Names of events and the patterns that stand for them: `note.created`, `note.*`, `*`.

const segment = "[a-zA-Z0-9_-]+";
const nameForm = new RegExp(`^${segment}(\\.${segment})*$`);
const patternForm = new RegExp(`^(\\*|${segment}(\\.${segment})*(\\.\\*)?)$`);

export const maxNameLength = 128;

export function isEventName(name: string): boolean {
  return name.length <= maxNameLength && nameForm.test(name);
}

/** A name, or one whose last segment is `*`, which stands for one or more segments. */
export function isEventPattern(pattern: string): boolean {
  return pattern.length <= maxNameLength && patternForm.test(pattern);
}

export function matchesPattern(pattern: string, name: string): boolean {
  if (pattern === "*") return true;
  return pattern.endsWith(".*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name;
}

export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, name));
}
