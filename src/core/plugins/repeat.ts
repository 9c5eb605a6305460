// Which calls are made again after their plugin was cut off, and how much of their time is left.
import { XcoreError } from "../base/error.ts";
import { wasNotBegun } from "../sandbox/end-reasons.ts";

/** Through no fault of the plugin, and nothing is done twice by it. */
export function isRepeatable(error: unknown, method: string): boolean {
  if (method !== "GET" && method !== "HEAD") return wasNotBegun(error);
  return error instanceof XcoreError && error.details["bystander"] === true;
}

/** In ms, at least one. */
export const timeLeft = (timeoutMs: number, startedAt: number): number =>
  Math.max(1, timeoutMs - (performance.now() - startedAt));
