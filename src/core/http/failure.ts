// Errors as answers: problem details (RFC 9457) with the status of the error's code.
import type { ServerResponse } from "node:http";
import { codes } from "../base/codes.ts";
import { asXcoreError } from "../base/error.ts";

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
  const exposed = known.status < 500 || options.exposeFaults;
  const problem = {
    type: "about:blank",
    title: codes[known.code].title,
    status: known.status,
    code: known.code,
    ...(exposed ? { detail: known.message, ...(known.hint === undefined ? {} : { hint: known.hint }) } : {}),
    requestId: options.requestId,
  };
  const text = JSON.stringify(problem);
  const retryAfter = retryAfterOf(known.status, known.details["retryAfterSeconds"]);
  response.setHeader("x-request-id", options.requestId);
  response.setHeader("content-type", "application/problem+json");
  response.setHeader("content-length", Buffer.byteLength(text));
  response.setHeader("cache-control", "no-store");
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  if (known.status === 401) response.setHeader("www-authenticate", 'Bearer realm="xcore"');
  response.writeHead(known.status);
  response.end(text);
}

function retryAfterOf(status: number, seconds: unknown): number | undefined {
  if (typeof seconds === "number") return seconds;
  return status === 503 ? 1 : undefined;
}
