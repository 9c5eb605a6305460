// What is said about time counts only while the machine lets this process run: others may take its processors for a second.
import { setTimeout as pause } from "node:timers/promises";

const tickMs = 5;

export interface Stalls {
  /** Since it was begun: time in which this process did not get to run, or had its thread taken by one piece of work. */
  readonly totalMs: number;
  /** The longest of them. */
  readonly longestMs: number;
  [Symbol.dispose](): void;
}

export function watchStalls(): Stalls {
  let at = performance.now();
  let totalMs = 0;
  let longestMs = 0;
  const look = (): void => {
    const now = performance.now();
    const late = Math.max(0, now - at - 2 * tickMs);
    totalMs += late;
    longestMs = Math.max(longestMs, late);
    at = now;
  };
  const looking = setInterval(look, tickMs);
  return {
    get totalMs() {
      look();
      return totalMs;
    },
    get longestMs() {
      look();
      return longestMs;
    },
    [Symbol.dispose]: () => clearInterval(looking),
  };
}

export interface UndisturbedOptions {
  /** A longer stall is a disturbance. Default 50. */
  stallMs?: number;
  /** Whether something else got in the way while the scene that failed with `error` was on. */
  disturbed?: (error: unknown) => boolean;
}

/** Plays a scene that asserts what time does. One that fails while the machine stood still is played again, ten times at most. */
export async function undisturbed<Result>(
  scene: () => Promise<Result>,
  { stallMs = 50, disturbed = () => false }: UndisturbedOptions = {},
): Promise<Result> {
  for (let plays = 1; ; plays += 1) {
    using stalls = watchStalls();
    try {
      return await scene();
    } catch (error) {
      if (plays === 10 || (stalls.longestMs <= stallMs && !disturbed(error))) throw error;
      await pause(100 * plays);
    }
  }
}

/** How long `work` took, without the time in which this process did not get to run. */
export async function unstalledMs(work: () => Promise<unknown>): Promise<number> {
  using stalls = watchStalls();
  const since = performance.now();
  await work();
  return Math.max(0, performance.now() - since - stalls.totalMs);
}
