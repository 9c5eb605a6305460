// Between the web's own Request and Response, which tests speak, and what crosses the wall.
import type { ResponseStream } from "../core/sandbox/response-stream.ts";
import type { PluginResponse } from "../core/sandbox/sandbox.ts";
import type { GuestRequest } from "../wire/guest-calls.ts";
import type { HostCalls } from "../wire/host-calls.ts";

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
export function webRequest(args: unknown): Request {
  const { url, method, headers, body, encoding, redirect } = args as HostCalls["fetch.request"]["args"];
  return new Request(url, {
    method,
    redirect,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body, encoding ?? "utf8")) }),
  });
}

export async function fetchReply(
  response: Response,
  url: string,
): Promise<HostCalls["fetch.request"]["reply"]> {
  return {
    url: response.url || url,
    status: response.status,
    statusText: response.statusText,
    redirected: response.redirected,
    headers: [...response.headers],
    body: Buffer.from(await response.arrayBuffer()).toString("latin1"),
    encoding: "latin1",
  };
}
