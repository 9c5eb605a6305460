// What several sandboxes that stand for one plugin come to together.
import type { SandboxStats } from "../sandbox/sandbox.ts";

/** `spentMs`: CPU time of those that are gone. */
export function jointStats(
  all: readonly SandboxStats[],
  spentMs: number,
): Pick<SandboxStats, "cpuMs" | "lateReplies" | "isolates"> {
  return {
    cpuMs: all.reduce((sum, { cpuMs }) => sum + cpuMs, spentMs),
    lateReplies: all.reduce((sum, { lateReplies }) => sum + lateReplies, 0),
    isolates: all.length,
  };
}
