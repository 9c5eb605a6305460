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
  /** How long nothing of a streamed answer may move. */
  readonly streamIdleMs: number;
  /** How long a streamed answer may last. */
  readonly streamTimeMs: number;
  /** How large a streamed answer may become. */
  readonly streamBytes: number;
}
