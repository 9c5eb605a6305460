// A plugin's answer as HTTP: whole ones in one piece, streams as fast as the client reads.
import type { IncomingMessage, ServerResponse } from "node:http";
import { XcoreError } from "../base/error.ts";
import type { PluginResponse, ResponseStream } from "../plugins/exchange.ts";
import { isOwnHeader } from "./own-header.ts";

export interface Recipient {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** The head of an answer whose body is streamed has been written. */
  onHead(): void;
}

/** A promise for a stream: it rejects when that is cut off. */
export function writeResponse(recipient: Recipient, guest: PluginResponse): Promise<void> | undefined {
  const { request, response, requestId } = recipient;
  // No body is written.
  const isHead = request.method === "HEAD";
  const { body, encoding, status, stream } = guest;
  const headers = ["x-request-id", requestId];
  for (let at = 0; at + 1 < guest.headers.length; at += 2) {
    const name = guest.headers[at] ?? "";
    if (!isOwnHeader(name)) headers.push(name, guest.headers[at + 1] ?? "");
  }
  const empty = status === 204 || status === 304;
  const length = stream === undefined ? Buffer.byteLength(body, encoding) : announcedLength(guest.headers);
  if (length !== undefined && !empty && !(stream === undefined && isHead && body === "")) {
    headers.push("content-length", String(length));
  }
  try {
    response.writeHead(status, headers);
  } catch (error) {
    stream?.cancel();
    throw new XcoreError(
      "PLUGIN_BAD_RESPONSE",
      "the plugin's response has a header that HTTP does not allow",
      { cause: error },
    );
  }
  if (stream !== undefined && !empty && !isHead) {
    recipient.onHead();
    return writeStream(response, stream, length);
  }
  stream?.cancel();
  // As a string: then Node sends head and body in one piece.
  if (empty || isHead) response.end();
  else response.end(body, encoding);
  return undefined;
}

/** `length`: what it has announced; it is held to that. */
function writeStream(
  response: ServerResponse,
  stream: ResponseStream,
  length: number | undefined,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  response.once("close", () => {
    stream.cancel();
    resolve();
  });
  if (response.destroyed) {
    stream.cancel();
    return Promise.resolve();
  }
  response.flushHeaders();
  let left = length ?? Number.POSITIVE_INFINITY;
  stream.pipe({
    chunk: (text, encoding, consumed) => {
      left -= Buffer.byteLength(text, encoding);
      if (left >= 0) response.write(text, encoding, consumed);
      else {
        reject(otherLength());
        stream.cancel();
      }
    },
    end: () => {
      if (length !== undefined && left > 0) reject(otherLength());
      else response.end();
    },
    fail: reject,
  });
  return promise;
}

/** The length a streamed answer gives of itself. */
function announcedLength(headers: readonly string[]): number | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== "content-length") continue;
    const value = headers[at + 1] ?? "";
    return /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  }
  return undefined;
}

function otherLength(): XcoreError {
  return new XcoreError(
    "PLUGIN_BAD_RESPONSE",
    "the plugin's stream is not as long as its content-length says",
  );
}
