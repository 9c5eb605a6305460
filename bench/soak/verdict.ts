// What a row of samples says: how much is held more after each hundred reloads.
import type { Sample } from "./sample.ts";

export interface Verdict {
  what: keyof Sample;
  /** By least squares over the samples. */
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

/** Of the line with the least squares of distances. */
export function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (at: 0 | 1): number => points.reduce((sum, point) => sum + point[at], 0) / points.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const rise = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const run = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return run === 0 ? 0 : rise / run;
}
