// Text that a guest wrote, made harmless: without control characters, and with a size.
import type { GuestError } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { parseGuestJson } from "./guest-json.ts";
import type { GuestLog } from "./sandbox.ts";

const maxMessageLength = 8 * 1024;
const maxFieldsLength = 16 * 1024;
const maxFieldNameLength = 100;
const maxFieldsDepth = 10;

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
  let entry: Json;
  try {
    entry = parseGuestJson(json);
  } catch (error) {
    return error instanceof SyntaxError ? undefined : { level, message: plainText(json), fields: {} };
  }
  if (!isRecord(entry) || typeof entry["message"] !== "string") return undefined;
  const fields = plainParts(entry["fields"] as Json, 0);
  return { level, message: plainText(entry["message"]), fields: isRecord(fields) ? fields : {} };
}

/** Names and texts on every level made plain; what lies deeper than a line of a log can show is left out. */
function plainParts(value: Json, depth: number): Json {
  if (typeof value === "string") return plainText(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth >= maxFieldsDepth) return "…";
  if (Array.isArray(value)) return value.map((part) => plainParts(part, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      plainText(name, maxFieldNameLength),
      plainParts(part, depth + 1),
    ]),
  );
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
