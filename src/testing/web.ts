// Between the web's own Request and Response, which tests speak, and what crosses the wall.
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import type { IncomingAnswer, OutgoingRequest } from "../core/services/fetch/fetch-calls.ts";
import type { ResponseStream } from "../core/sandbox/response-stream.ts";
import type { PluginResponse } from "../core/sandbox/sandbox.ts";
import type { GuestRequest } from "../wire/guest-calls.ts";

const origin = "http://plugin.test";

export async function guestRequest(input: string | URL | Request, init?: RequestInit): Promise<GuestRequest> {
  const request = new Request(typeof input === "string" ? new URL(input, origin) : input, init);
  const headers = [...request.headers].flat();
  if (!request.headers.has("host")) headers.push("host", new URL(request.url).host);
  const body = Buffer.from(await request.arrayBuffer()).toString("latin1");
  return { method: request.method, url: request.url, headers, body, encoding: "latin1" };
}

export function webResponse(response: PluginResponse, method: string): Response {
  const headers = new Headers();
  for (let at = 0; at + 1 < response.headers.length; at += 2) {
    headers.append(response.headers[at] ?? "", response.headers[at + 1] ?? "");
  }
  const empty = [204, 205, 304].includes(response.status) || method === "HEAD";
  const { stream } = response;
  if (stream !== undefined && !empty) {
    return new Response(webStream(stream), { status: response.status, headers });
  }
  stream?.cancel();
  const body = empty ? null : new Uint8Array(Buffer.from(response.body, response.encoding));
  return new Response(body, { status: response.status, headers });
}

function webStream(stream: ResponseStream): ReadableStream<Uint8Array> {
  let unread: (() => void)[] = [];
  return new ReadableStream({
    start: (controller) =>
      stream.pipe({
        chunk: (text, encoding, consumed) => {
          unread.push(consumed);
          controller.enqueue(Buffer.from(text, encoding));
        },
        end: () => controller.close(),
        fail: (error) => controller.error(error),
      }),
    pull: () => {
      const read = unread;
      unread = [];
      for (const consumed of read) consumed();
    },
    cancel: () => stream.cancel(),
  });
}

/** A plugin's outgoing request; the arguments come from its own runtime. */
export function webRequest({ url, method, headers, body, redirect }: OutgoingRequest): Request {
  return new Request(url, {
    method,
    redirect,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === undefined ? {} : { body: webBody(body), duplex: "half" }),
  });
}

function webBody(body: Buffer | Readable): Uint8Array<ArrayBuffer> | ReadableStream {
  return Buffer.isBuffer(body) ? new Uint8Array(body) : (Readable.toWeb(body) as ReadableStream);
}

export function incomingAnswer(response: Response, url: string): IncomingAnswer {
  return {
    url: response.url || url,
    status: response.status,
    statusText: response.statusText,
    redirected: response.redirected,
    headers: [...response.headers],
    body: response.body === null ? Readable.from([]) : Readable.fromWeb(response.body as NodeReadableStream),
  };
}
