// From an HTTP request under /app/<plugin>/ into the plugin, and its answer back to the client.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { GuestResponse } from "../../wire/guest-calls.ts";
import { XcoreError } from "../base/error.ts";
import { suggestion } from "../base/nearest.ts";
import type { Plugin } from "../plugins/plugin.ts";
import type { PluginRegistry } from "../plugins/registry.ts";
import { readBody } from "./body.ts";

export const mountRoot = "/app/";

export interface DispatchOptions {
  plugins: PluginRegistry;
  maxBodyBytes: number;
}

/** The plugin a path belongs to, or undefined when it is not under the mount root. Throws `PLUGIN_NOT_FOUND`. */
export function pluginOf(url: string, plugins: PluginRegistry): Plugin | undefined {
  if (!url.startsWith(mountRoot)) return undefined;
  const name = nameIn(url);
  const plugin = plugins.find(name);
  if (plugin !== undefined) return plugin;
  const known = plugins.list().map((one) => one.name);
  throw new XcoreError("PLUGIN_NOT_FOUND", `no plugin is mounted at ${mountRoot}${name.slice(0, 64)}/`, {
    hint: suggestion(name, known),
  });
}

/** Runs the request in the plugin and writes the answer. Rejects before anything is written, or not at all. */
export async function dispatch(
  plugin: Plugin,
  request: IncomingMessage,
  response: ServerResponse,
  options: DispatchOptions,
): Promise<void> {
  const url = request.url ?? "/";
  const read = readBody(request, options.maxBodyBytes);
  const body = read instanceof Promise ? await read : read;
  const gone = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) gone.abort();
  };
  response.once("close", onClose);
  const answer = await plugin.request(
    {
      method: request.method ?? "GET",
      url: `http://${host(request)}${inner(url)}`,
      headers: request.rawHeaders,
      body: body.text,
      encoding: body.encoding,
    },
    {
      timeoutMs: plugin.current?.build.limits.timeoutMs ?? 5000,
      signal: gone.signal,
    },
  );
  response.off("close", onClose);
  write(response, answer, request.method === "HEAD");
}

function write(response: ServerResponse, answer: GuestResponse, head: boolean): void {
  const { body, encoding, status } = answer;
  const headers: string[] = [];
  for (let at = 0; at + 1 < answer.headers.length; at += 2) {
    const name = answer.headers[at] ?? "";
    if (!ownHeader.test(name)) headers.push(name, answer.headers[at + 1] ?? "");
  }
  const empty = status === 204 || status === 304;
  if (!empty && !(head && body === ""))
    headers.push("content-length", String(Buffer.byteLength(body, encoding)));
  try {
    response.writeHead(status, headers);
  } catch (error) {
    throw new XcoreError(
      "PLUGIN_BAD_RESPONSE",
      "the plugin's response has a header that HTTP does not allow",
      {
        cause: error,
      },
    );
  }
  // As a string: then Node sends head and body in one piece.
  if (empty || head) response.end();
  else response.end(body, encoding);
}

// Framing is ours (RFC 9110 7.6.1 and 8.6): a guest can neither smuggle a second response nor lie about lengths.
const ownHeader =
  /^(connection|keep-alive|proxy-connection|transfer-encoding|te|trailer|upgrade|content-length)$/i;

function nameIn(url: string): string {
  const rest = url.slice(mountRoot.length);
  const end = rest.search(/[/?]/);
  return end === -1 ? rest : rest.slice(0, end);
}

/** The path and query inside the plugin: `/app/notes/1?x` is `/1?x`. */
function inner(url: string): string {
  const start = mountRoot.length + nameIn(url).length;
  const rest = url.slice(start);
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function host(request: IncomingMessage): string {
  const given = request.headers.host;
  return given !== undefined && /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i.test(given)
    ? given
    : "localhost";
}
