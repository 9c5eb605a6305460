// An error that left the isolate, as the error of the call: the guest's words, its stack in lines of the author's files.
import { XcoreError } from "../base/error.ts";
import type { Code } from "../base/codes.ts";
import type { GuestError } from "../../wire/guest-calls.ts";
import type { StackMapper } from "./stack.ts";

// Codes a guest may answer with as its own: they speak of its declarations, its input and what it was refused.
const ownCodes: ReadonlySet<string> = new Set<Code>([
  "ACTION_NOT_FOUND",
  "CALLER_REFUSED",
  "CALL_CANCELLED",
  "CALL_CYCLE",
  "CALL_DEPTH",
  "CIRCUIT_OPEN",
  "DATABASE_ERROR",
  "FETCH_FAILED",
  "FETCH_REFUSED",
  "INPUT_INVALID",
  "JOB_NOT_FOUND",
  "METHOD_NOT_ALLOWED",
  "NOT_FOUND",
  "OUTPUT_INVALID",
  "PAYLOAD_TOO_LARGE",
  "PERMISSION_NOT_APPROVED",
  "PERMISSION_UNDECLARED",
  "PLUGIN_BAD_RESPONSE",
  "PLUGIN_DEFINITION",
  "QUOTA_EXCEEDED",
  "SERVICE_FAILED",
  "SERVICE_UNAVAILABLE",
  "TENANT_MISSING",
  "TENANT_QUOTA",
  "TENANT_SUSPENDED",
]);

export function guestFailure(
  error: GuestError,
  options: { label: string; mapper: StackMapper; fallback: Code },
): XcoreError {
  const stack = error.stack === undefined ? undefined : options.mapper.map(error.stack);
  const own = error.code !== undefined && ownCodes.has(error.code);
  const place = stack?.place === undefined ? "" : ` (${stack.place})`;
  const prefix = `plugin '${options.label}'`;
  const message = error.message.startsWith(prefix)
    ? error.message
    : `${prefix}: ${withoutName(error.message, options.label)}${place}`;
  return new XcoreError(own ? (error.code as Code) : options.fallback, message, {
    details: {
      name: error.name,
      ...(error.code === undefined ? {} : { guestCode: error.code }),
      ...(stack === undefined ? {} : { stack: stack.text }),
      ...(stack?.place === undefined ? {} : { place: stack.place }),
    },
  });
}

// What a service refused names the plugin already; once, with its version, is enough.
function withoutName(message: string, label: string): string {
  const name = `plugin '${label.replace(/@[^@]*$/, "")}': `;
  return message.startsWith(name) ? message.slice(name.length) : message;
}
