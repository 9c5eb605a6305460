// Text that a guest wrote, made harmless: without control characters, and with a size.
import type { GuestError } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { parseGuestJson } from "./guest-json.ts";
import type { GuestLog } from "./sandbox.ts";

const maxMessageLength = 8 * 1024;
const maxFieldsLength = 16 * 1024;

/** One line: control characters, line separators and direction marks become spaces. */
export function plainText(text: string, maxLength: number = maxMessageLength): string {
  const cut = text.length > maxLength ? `${text.slice(0, maxLength)}… (${text.length} characters)` : text;
  return cut.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, " ");
}

/** Undefined when the record is no log entry. */
export function guestLog(level: GuestLog["level"], json: string): GuestLog | undefined {
  if (json.length > maxMessageLength + maxFieldsLength) {
    return { level, message: plainText(json), fields: {} };
  }
  let entry: unknown;
  try {
    entry = JSON.parse(json, (key, value: unknown) => {
      if (key === "__proto__") return undefined;
      return typeof value === "string" ? plainText(value) : value;
    });
  } catch {
    return undefined;
  }
  if (!isRecord(entry) || typeof entry["message"] !== "string") return undefined;
  const fields = entry["fields"];
  return {
    level,
    message: entry["message"],
    fields: isRecord(fields) ? (fields as Record<string, Json>) : {},
  };
}

/** Undefined when the record is no error. Stack and message keep their line breaks. */
export function guestError(json: string): GuestError | undefined {
  let value: Json;
  try {
    value = parseGuestJson(json);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value["message"] !== "string") return undefined;
  const { name, message, code, stack } = value;
  return {
    name: typeof name === "string" ? plainText(name, 100) : "Error",
    message: plainText(message, 4000),
    ...(typeof code === "string" ? { code: plainText(code, 100) } : {}),
    ...(typeof stack === "string"
      ? {
          stack: stack
            .slice(0, 16_000)
            .split("\n")
            .map((line) => plainText(line))
            .join("\n"),
        }
      : {}),
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
