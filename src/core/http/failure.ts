// Errors as answers: problem details (RFC 9457) with the status of the error's code.
import type { ServerResponse } from "node:http";
import { codes, type Code } from "../base/codes.ts";
import { asXcoreError, type XcoreError } from "../base/error.ts";

export interface FailureOptions {
  requestId: string;
  /** Whether clients see the message of server faults; only in development. */
  exposeFaults: boolean;
}

/** Writes the problem, unless the answer has begun: then the connection is cut, so that nobody takes half for whole. */
export function writeFailure(response: ServerResponse, error: unknown, options: FailureOptions): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const known = asXcoreError(error);
  const status = statusOf(known);
  const exposed = status < 500 || options.exposeFaults;
  const problem = {
    type: "about:blank",
    title: codes[known.code].title,
    status,
    code: known.code,
    ...(exposed ? { detail: known.message, ...(known.hint === undefined ? {} : { hint: known.hint }) } : {}),
    requestId: options.requestId,
  };
  const text = JSON.stringify(problem);
  const retryAfter = retryAfterOf(status, known.details["retryAfterSeconds"]);
  response.setHeader("x-request-id", options.requestId);
  response.setHeader("content-type", "application/problem+json");
  response.setHeader("content-length", Buffer.byteLength(text));
  response.setHeader("cache-control", "no-store");
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  if (status === 401) response.setHeader("www-authenticate", 'Bearer realm="xcore"');
  response.writeHead(status);
  response.end(text);
}

// What a plugin was refused, and let fall through to its client.
const faultsOfPlugins: ReadonlySet<Code> = new Set([
  "ACTION_NOT_FOUND",
  "CALLER_REFUSED",
  "FETCH_REFUSED",
  "JOB_NOT_FOUND",
  "PERMISSION_NOT_APPROVED",
  "PERMISSION_UNDECLARED",
  "PLUGIN_DEFINITION",
  "TENANT_MISSING",
]);

/** The status of the error's code, but 500 for what is the plugin's own fault: its client did nothing wrong. */
export function statusOf(error: XcoreError): number {
  const fromPlugin = error.details["guestCode"] !== undefined;
  return fromPlugin && faultsOfPlugins.has(error.code) ? 500 : error.status;
}

function retryAfterOf(status: number, seconds: unknown): number | undefined {
  if (typeof seconds === "number") return seconds;
  return status === 503 ? 1 : undefined;
}
