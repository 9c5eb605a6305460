// Errors on both ways: what the core refuses becomes a coded error here, what a plugin throws becomes text before it leaves.
import type { GuestError } from "../wire/guest-calls.ts";
import { jsonParse, jsonStringify, NativeError, stringSlice } from "./primordials.ts";

const maxMessageLength = 8 * 1024;
const maxStackLength = 16 * 1024;

/** An error with a code of xcore's table. Identity is `code`, never the class. */
export class XcoreError extends NativeError {
  override readonly name = "XcoreError";
  readonly code: string;
  readonly hint: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: string,
    message: string,
    options: { hint?: string; details?: Record<string, unknown> } = {},
  ) {
    super(message);
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }
}

/** The error a `failure` record carries. */
export function errorFromJson(json: string): XcoreError {
  const data = jsonParse(json) as {
    code?: string;
    message?: string;
    hint?: string;
    details?: Record<string, unknown>;
  };
  return new XcoreError(data.code ?? "INTERNAL", data.message ?? "the core refused the call", {
    ...(data.hint === undefined ? {} : { hint: data.hint }),
    ...(data.details === undefined ? {} : { details: data.details }),
  });
}

/** Whatever was thrown, as the JSON of a GuestError. Never throws: hostile getters and revoked proxies end up as a bare sentence. */
export function errorJson(thrown: unknown): string {
  return jsonStringify(describe(thrown)) ?? "";
}

/** The message of whatever was thrown, for log lines. */
export function messageOf(thrown: unknown): string {
  return describe(thrown).message;
}

/** One property of a stranger's value if it is a string; undefined when it is none or reading it throws. */
export function textOf(thrown: unknown, key: string): string | undefined {
  try {
    const value: unknown = (thrown as Record<string, unknown>)[key];
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

function describe(thrown: unknown): GuestError {
  // Without a prototype, so that no toJSON a plugin has put on Object.prototype is asked.
  const error = { __proto__: null } as unknown as GuestError;
  const isObject = (typeof thrown === "object" && thrown !== null) || typeof thrown === "function";
  error.name = (isObject ? textOf(thrown, "name") : undefined) ?? "Error";
  error.message = cut(
    (isObject ? textOf(thrown, "message") : undefined) ?? printed(thrown),
    maxMessageLength,
  );
  if (!isObject) return error;
  const code = textOf(thrown, "code");
  const stack = textOf(thrown, "stack");
  if (code !== undefined) error.code = cut(code, 128);
  if (stack !== undefined) error.stack = cut(stack, maxStackLength);
  return error;
}

function printed(thrown: unknown): string {
  switch (typeof thrown) {
    case "string":
      return thrown;
    case "object":
      return thrown === null ? "null was thrown" : "an object that is no Error was thrown";
    case "function":
      return "a function was thrown";
    case "symbol":
      return "a symbol was thrown";
    case "undefined":
      return "undefined was thrown";
    default:
      return `${thrown as number}`;
  }
}

function cut(text: string, length: number): string {
  return text.length > length ? `${stringSlice(text, 0, length)}…` : text;
}
