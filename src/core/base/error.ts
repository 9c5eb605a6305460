// The one error class of xcore. Identity is `code`; the table of codes fixes HTTP status and exit code.
import { codes, type Code } from "./codes.ts";

export interface ErrorOptions {
  /** What the reader can do about it, as an imperative sentence. */
  hint?: string;
  /** Machine-readable facts about the fault (observed value, cap, file, line …). JSON-safe. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

export class XcoreError extends Error {
  override readonly name = "XcoreError";
  readonly code: Code;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown>;

  constructor(code: Code, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  /** HTTP status this error answers with. */
  get status(): number {
    return codes[this.code].status;
  }

  /** Process exit code a command ends with. */
  get exit(): number {
    return codes[this.code].exit;
  }
}

/** The plain form that crosses the control socket and stands in problem+json. */
export interface ErrorData {
  code: Code;
  message: string;
  hint?: string;
  details?: Record<string, unknown>;
}

export function errorData(error: unknown): ErrorData {
  const known = asXcoreError(error);
  return {
    code: known.code,
    message: known.message,
    ...(known.hint === undefined ? {} : { hint: known.hint }),
    ...(Object.keys(known.details).length === 0 ? {} : { details: known.details }),
  };
}

export function errorFromData(data: ErrorData): XcoreError {
  const code = data.code in codes ? data.code : "INTERNAL";
  return new XcoreError(code, data.message, {
    ...(data.hint === undefined ? {} : { hint: data.hint }),
    ...(data.details === undefined ? {} : { details: data.details }),
  });
}

/** Any thrown value as an `XcoreError`; what is not one already becomes `INTERNAL` with its cause kept. */
export function asXcoreError(error: unknown): XcoreError {
  if (error instanceof XcoreError) return error;
  return new XcoreError("INTERNAL", messageOf(error), { cause: error });
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node system error (`ENOENT`, `EADDRINUSE` …), if it is one. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
