// What a row of samples says: how much is held more after each hundred reloads.
import { median } from "../figures.ts";
import type { Sample } from "./sample.ts";

export interface Verdict {
  what: keyof Sample;
  /** By `slope` over the samples. */
  per100Reloads: number;
  /** The most that is still flat. */
  allowed: number;
  flat: boolean;
}

const allowed = { heapMb: 1, coreMb: 1, hostsMb: 1, descriptors: 0.5, threads: 0.5, timers: 0.5 } as const;

// What grows at first and then no more is no leak: allocators and caches have found their size by then.
const warmUpShare = 0.2;

/** Over the samples behind the first fifth. */
export function verdictOf(samples: readonly Sample[]): Verdict[] {
  const settled = samples.slice(Math.floor(samples.length * warmUpShare));
  return Object.entries(allowed).map(([key, most]) => {
    const what = key as keyof typeof allowed;
    const per100Reloads = 100 * slope(settled.map((sample) => [sample.reloads, sample[what]]));
    return { what, per100Reloads, allowed: most, flat: per100Reloads < most };
  });
}

/**
 * The median of the slopes of all pairs of points (Theil and Sen): memory that V8 gives back for a while and takes again does not
 * tilt it, as it would a line of least squares. 0 for fewer than two points.
 */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes = points.flatMap(([x, y], at) =>
    points.slice(at + 1).map(([laterX, laterY]) => (laterY - y) / (laterX - x)),
  );
  return slopes.length === 0 ? 0 : median(slopes);
}
