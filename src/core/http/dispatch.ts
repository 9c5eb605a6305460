// From an HTTP request under /app/<plugin>/ into the plugin, and its answer back to the client.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { GuestResponse } from "../../wire/guest-calls.ts";
import { CancelOnce } from "../base/cancel.ts";
import { XcoreError } from "../base/error.ts";
import type { Plugin } from "../plugins/plugin.ts";
import { readBody, type Body } from "./body.ts";
import { innerPath } from "./mount.ts";

const startingTimeoutMs = 5000;

export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  requestId: string;
  maxBodyBytes: number;
}

/** Runs the request in the plugin and writes the answer. Rejects before anything is written, or not at all. */
export function dispatch(plugin: Plugin, exchange: Exchange): Promise<void> {
  const body = readBody(exchange.request, exchange.maxBodyBytes);
  if (body instanceof Promise) return body.then((read) => answer(plugin, exchange, read));
  return answer(plugin, exchange, body);
}

function answer(plugin: Plugin, { request, response, requestId }: Exchange, body: Body): Promise<void> {
  const gone = new CancelOnce();
  response.once("close", () => gone.cancel());
  const method = request.method ?? "GET";
  return plugin
    .request(
      {
        method,
        url: `http://${hostOf(request)}${innerPath(request.url ?? "/")}`,
        headers: request.rawHeaders,
        body: body.text,
        encoding: body.encoding,
      },
      { timeoutMs: plugin.current?.build.limits.timeoutMs ?? startingTimeoutMs, signal: gone },
    )
    .then((guest) => write(response, guest, { requestId, head: method === "HEAD" }));
}

function write(
  response: ServerResponse,
  guest: GuestResponse,
  { requestId, head }: { requestId: string; head: boolean },
): void {
  const { body, encoding, status } = guest;
  const headers = ["x-request-id", requestId];
  for (let at = 0; at + 1 < guest.headers.length; at += 2) {
    const name = guest.headers[at] ?? "";
    if (!ownHeader.test(name)) headers.push(name, guest.headers[at + 1] ?? "");
  }
  const empty = status === 204 || status === 304;
  if (!empty && !(head && body === "")) {
    headers.push("content-length", String(Buffer.byteLength(body, encoding)));
  }
  try {
    response.writeHead(status, headers);
  } catch (error) {
    throw new XcoreError(
      "PLUGIN_BAD_RESPONSE",
      "the plugin's response has a header that HTTP does not allow",
      { cause: error },
    );
  }
  // As a string: then Node sends head and body in one piece.
  if (empty || head) response.end();
  else response.end(body, encoding);
}

// Framing is ours (RFC 9110 7.6.1 and 8.6): a guest can neither smuggle a second response nor lie about lengths.
const ownHeader =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|te|trailer|upgrade|content-length|x-request-id)$/i;

const hostPattern = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i;

function hostOf(request: IncomingMessage): string {
  const given = request.headers.host;
  return given !== undefined && hostPattern.test(given) ? given : "localhost";
}
