// The options that every cache provider has.
import { Type, type Static } from "typebox";
import { durationPattern, parseDuration, parseSize, sizePattern } from "../../base/units.ts";

export const commonOptions = {
  /** How long a value lives that was set without a time of its own. */
  ttl: Type.String({ pattern: durationPattern, default: "1h", examples: ["10m"] }),
  /** Memory for each plugin's values in this process. */
  size: Type.String({ pattern: sizePattern, default: "16mb", examples: ["16mb"] }),
  maxValue: Type.String({ pattern: sizePattern, default: "256kb", examples: ["256kb"] }),
};

const memoryOptions = Type.Object(commonOptions);

export interface CacheSettings {
  defaultTtlMs: number;
  maxBytes: number;
  maxValueBytes: number;
}

export function settingsOf(options: Static<typeof memoryOptions>): CacheSettings {
  return {
    defaultTtlMs: parseDuration(options.ttl) ?? 3_600_000,
    maxBytes: parseSize(options.size) ?? 16 * 1024 ** 2,
    maxValueBytes: parseSize(options.maxValue) ?? 256 * 1024,
  };
}
