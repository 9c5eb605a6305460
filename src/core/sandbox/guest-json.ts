// JSON that a guest wrote, parsed within bounds: what it costs the core is decided by its parts and its depth, not by its length.
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import { maxJsonDepth, maxJsonParts } from "./bounds.ts";

// Below this no text is costly, whatever it holds.
const harmlessLength = 8 * 1024;

/**
 * Throws a `SyntaxError` on what is no JSON, and `QUOTA_EXCEEDED` on what has too many parts or is nested too deeply.
 * Keys named `__proto__` are dropped.
 */
export function parseGuestJson(text: string): Json {
  if (text.length > harmlessLength) checkWeight(text);
  const value = JSON.parse(text) as Json;
  // The key can be written with escapes too.
  if (/__proto__|\\u/.test(text)) dropPrototypes(value);
  return value;
}

function checkWeight(text: string): void {
  let parts = 0;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > maxJsonDepth) throw tooHeavy("is nested", maxJsonDepth, "levels deep");
        parts += 1;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
        break;
      case 0x2c: // ,
        parts += 1;
        if (parts > maxJsonParts) throw tooHeavy("has", maxJsonParts, "parts");
        break;
    }
  }
}

/** Where the string ends that begins at `start`; the end of the text when it does not. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text.charCodeAt(first - 1) === 0x5c) first -= 1;
    if ((quote - first) % 2 === 0) return quote;
  }
  return text.length;
}

function dropPrototypes(value: Json): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value) && Object.hasOwn(value, "__proto__")) Reflect.deleteProperty(value, "__proto__");
  for (const part of Object.values(value)) dropPrototypes(part);
}

function tooHeavy(verb: string, cap: number, what: string): XcoreError {
  return new XcoreError("QUOTA_EXCEEDED", `a value ${verb} more than ${cap} ${what}`, {
    hint: "Send less at once, or send it as one text.",
    details: { cap },
  });
}
