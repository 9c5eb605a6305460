// The caps a plugin runs under, in base units.
import type { Rate } from "./units.ts";

export interface Limits {
  readonly memoryBytes: number;
  /** The longest synchronous stretch. */
  readonly cpuMs: number;
  /** The deadline of one call. */
  readonly timeoutMs: number;
  /** Requests it answers; undefined: as many as come. */
  readonly rate: Rate | undefined;
}
