// What a handler gave, as the record that goes out: Response, text, JSON or nothing.
import { maxHeadLength } from "../wire/protocol.ts";
import { XcoreError, textOf } from "./errors.ts";
import { jsonStringify } from "./primordials.ts";
import type { SocketAnswer } from "./streams/socket-link.ts";
import type { StreamedAnswer } from "./streams/outlet.ts";
import { openBody } from "./web/body.ts";
import { otherEnd } from "./web/socket.ts";
import { isResponse, type Response } from "./web/response.ts";

const jsonHead = "content-type\napplication/json";
const textHead = "content-type\ntext/plain;charset=UTF-8";
const problemHead = "content-type\napplication/problem+json";

/** The record that answers request `id`, or what has to be streamed. Throws when the value is no answer. */
export function answerOf(id: number, value: unknown): string | StreamedAnswer | SocketAnswer {
  if (value === undefined || value === null) return `P${id} 204 utf8 0\n`;
  if (typeof value === "string") return record(id, 200, textHead, value, "utf8");
  if (typeof value !== "object") {
    if (typeof value === "number" || typeof value === "boolean") return jsonRecord(id, value);
    throw noAnswer(`a ${typeof value}`);
  }
  if (isResponse(value)) return responseRecord(id, value);
  if (value instanceof Problem) return problemRecord(id, value);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    throw noAnswer("bytes; wrap them: new Response(bytes)");
  }
  return jsonRecord(id, value);
}

interface ProblemFields {
  /** 400 to 499. */
  status: number;
  detail: string;
  code?: string | undefined;
  /** Further members, as RFC 9457 allows them. */
  members?: unknown;
  /** "name\nvalue" pairs beside the content type. */
  head?: string;
}

/** An answer that says what the client did wrong. https://www.rfc-editor.org/rfc/rfc9457 */
export class Problem {
  readonly fields: ProblemFields;

  constructor(fields: ProblemFields) {
    this.fields = fields;
  }
}

export function problemRecord(id: number, problem: Problem): string {
  const { status, detail, code, head } = problem.fields;
  const members = typeof problem.fields.members === "object" ? problem.fields.members : undefined;
  const title = titles[status] ?? "Request refused";
  const body = jsonStringify({ ...members, type: "about:blank", title, status, detail, code }) ?? "";
  return record(id, status, head === undefined ? problemHead : `${problemHead}\n${head}`, body, "utf8");
}

/** What was thrown, if it says by a `status` from 400 to 499 that the client is at fault. */
export function clientFault(thrown: unknown): Problem | undefined {
  if (typeof thrown !== "object" || thrown === null) return undefined;
  try {
    const { status, members } = thrown as { status?: unknown; members?: unknown };
    if (typeof status !== "number" || !Number.isInteger(status) || status < 400 || status > 499)
      return undefined;
    return new Problem({
      status,
      detail: textOf(thrown, "message") ?? "",
      code: textOf(thrown, "code"),
      members,
    });
  } catch {
    return undefined;
  }
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad request",
  401: "Unauthorized",
  402: "Payment required",
  403: "Forbidden",
  404: "Not found",
  405: "Method not allowed",
  406: "Not acceptable",
  409: "Conflict",
  410: "Gone",
  412: "Precondition failed",
  413: "Content too large",
  415: "Unsupported media type",
  422: "Unprocessable content",
  429: "Too many requests",
};

function jsonRecord(id: number, value: unknown): string {
  const json = jsonStringify(value);
  if (json === undefined) throw noAnswer("something JSON can't say");
  return record(id, 200, jsonHead, json, "utf8");
}

function responseRecord(id: number, response: Response): string | StreamedAnswer | SocketAnswer {
  if (response.type === "error") throw noAnswer("Response.error()");
  const head: string[] = [];
  for (const [name, value] of response.headers) head.push(name, value);
  const { status } = response;
  const headText = head.join("\n");
  if (headText.length > maxHeadLength) throw tooLargeHead(headText.length);
  const socket = otherEnd(response.webSocket);
  if (socket !== undefined) return { head: headText, socket };
  const body = openBody(response);
  return "text" in body
    ? record(id, status, headText, body.text, body.encoding)
    : { status, head: headText, stream: body };
}

function record(id: number, status: number, head: string, body: string, encoding: string): string {
  return `P${id} ${status} ${encoding} ${head.length}\n${head}${body}`;
}

function tooLargeHead(length: number): XcoreError {
  return new XcoreError(
    "PLUGIN_BAD_RESPONSE",
    `the response's headers have ${length} characters; at most ${maxHeadLength} fit`,
  );
}

function noAnswer(what: string): XcoreError {
  return new XcoreError(
    "PLUGIN_BAD_RESPONSE",
    `the handler returned ${what}; expected a Response, a string, a JSON value or nothing`,
  );
}
