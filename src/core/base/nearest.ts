// "Did you mean": the nearest known name to one that was mistyped.
import { distance } from "fastest-levenshtein";

/** The known name closest to `name`, if it is near enough to be what was meant. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const found = typos(name.toLowerCase(), candidate.toLowerCase());
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** Edits between the two; letters that changed places are one, as they are to who typed them. */
function typos(name: string, candidate: string): number {
  const at = [...name].findIndex((letter, index) => letter !== candidate[index]);
  const swapped = name.slice(0, at) + (name[at + 1] ?? "") + (name[at] ?? "") + name.slice(at + 2);
  return at !== -1 && swapped === candidate ? 1 : distance(name, candidate);
}

/** `did you mean 'x'?` or `known: a, b, c` when nothing is near. */
export function suggestion(name: string, known: Iterable<string>): string {
  const all = [...known];
  const found = nearest(name, all);
  if (found !== undefined) return `did you mean '${found}'?`;
  return all.length === 0 ? "there are none" : `known: ${all.join(", ")}`;
}
