// "Did you mean": the nearest known name to one that was mistyped.
import { distance } from "fastest-levenshtein";

/** The known name closest to `name`, if it is near enough to be what was meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const found = distance(name.toLowerCase(), candidate.toLowerCase());
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** `did you mean 'x'?` or `known: a, b, c` when nothing is near. */
export function suggestion(name: string, known: Iterable<string>): string {
  const all = [...known];
  const found = nearest(name, all);
  if (found !== undefined) return `did you mean '${found}'?`;
  return all.length === 0 ? "there are none" : `known: ${all.join(", ")}`;
}
