// Names with a wildcard, as permissions and subscriptions write them: `note.created`, `note.*`, `*`.

/** Whether `name` is covered by one of the patterns. A `*` stands for the whole rest and only at the end. */
export function matches(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : pattern === name,
  );
}
