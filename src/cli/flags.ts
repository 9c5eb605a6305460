// Flags that several commands share, parsed at the border into base units.
import { custom } from "@oclif/core/flags";
import { XcoreError } from "../core/base/error.ts";
import { parseDuration } from "../core/base/units.ts";

/** `30s`, `1m`: in milliseconds. Give a default in milliseconds. */
export const durationFlag = custom<number>({
  parse: async (text, _context, options) => {
    const ms = parseDuration(text);
    if (ms !== undefined) return ms;
    throw new XcoreError("USAGE", `--${options.name} ${text} is no duration`, {
      hint: `Write a number with its unit: --${options.name} 500ms, 30s, 2m, 1h`,
    });
  },
});

export interface IntegerBounds {
  min: number;
  max: number;
}

/** A whole number within bounds; what `Flags.integer` does, with a message that says how to write it. */
export const integerFlag = custom<number, Partial<IntegerBounds>>({
  parse: async (text, _context, { name, min = 0, max = Number.MAX_SAFE_INTEGER }) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= min && value <= max) return value;
    throw new XcoreError("USAGE", `--${name} ${text} is no whole number from ${min} to ${max}`, {
      hint: `Write it in digits: --${name} ${Math.max(min, Math.min(max, 8082))}`,
    });
  },
});
