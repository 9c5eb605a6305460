// The options that all drivers of events share.
import { Type } from "typebox";
import { parseSize, sizePattern } from "../../base/units.ts";

export const commonOptions = {
  maxQueue: Type.Integer({
    minimum: 1,
    maximum: 1_000_000,
    default: 1000,
    description: "Events that may wait for one slow subscriber.",
  }),
  maxPayload: Type.String({
    pattern: sizePattern,
    default: "64kb",
    examples: ["64kb"],
    description: "Bytes of one payload as JSON.",
  }),
};

/** The options in base units. */
export interface EventSettings {
  readonly maxQueue: number;
  readonly maxPayloadBytes: number;
}

export function settingsOf(options: { maxQueue: number; maxPayload: string }): EventSettings {
  return { maxQueue: options.maxQueue, maxPayloadBytes: parseSize(options.maxPayload) ?? 65_536 };
}
