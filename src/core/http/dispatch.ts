// From an HTTP request under /app/<plugin>/ into the plugin, and its answer back to the client.
import type { IncomingMessage } from "node:http";
import type { GuestRequest } from "../../wire/guest-calls.ts";
import { CancelOnce } from "../base/cancel.ts";
import type { XcoreError } from "../base/error.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { Plugin } from "../plugins/plugin.ts";
import type { PluginResponse, RequestOptions } from "../plugins/exchange.ts";
import type { Hooks } from "../plugins/hooks.ts";
import { noBody, openBody, type WholeBody } from "./body.ts";
import { IncomingBody } from "./incoming-body.ts";
import { innerPath } from "./mount.ts";
import { UpgradeResponse } from "./upgrade-response.ts";
import { revalidated } from "./revalidate.ts";
import { writeResponse, type Recipient } from "./write-response.ts";

const startingTimeoutMs = 5000;

export interface Exchange extends Recipient {
  readonly maxBodyBytes: number;
  /** What its host calls are made for. */
  readonly origin: CallOrigin;
  readonly hooks: Hooks;
}

/** Runs the request in the plugin and writes the answer. Rejects before anything is written, or when a stream was cut off. */
export function dispatch(plugin: Plugin, exchange: Exchange): Promise<void> {
  const body = openBody(exchange.request, exchange.maxBodyBytes);
  if (body instanceof Promise) return body.then((opened) => answer(plugin, exchange, opened));
  return answer(plugin, exchange, body);
}

function answer(plugin: Plugin, exchange: Exchange, body: WholeBody | IncomingBody): Promise<void> {
  const { request, response } = exchange;
  const gone = new CancelOnce();
  response.once("close", () => gone.cancel());
  if (body instanceof IncomingBody) return answerStreamed(plugin, exchange, { body, gone });
  if (response instanceof UpgradeResponse) return answerUpgrade(plugin, exchange, { response, gone });
  return ask(plugin, exchange, {
    request: guestRequest(request, body),
    options: { timeoutMs: timeoutOf(plugin), signal: gone, origin: exchange.origin },
  }).then((guest) => write(exchange, guest));
}

interface Asked {
  request: GuestRequest;
  options: RequestOptions;
}

/** Through the hooks of trusted plugins, where there are any. */
function ask(
  plugin: Plugin,
  { hooks, requestId }: Exchange,
  { request, options }: Asked,
): Promise<PluginResponse> {
  if (hooks.isEmpty) return plugin.request(request, options);
  return hooks.request({ plugin: plugin.name, requestId, request, options }, (changed) =>
    plugin.request(changed, options),
  );
}

async function answerUpgrade(
  plugin: Plugin,
  exchange: Exchange,
  { response, gone }: { response: UpgradeResponse; gone: CancelOnce },
): Promise<void> {
  const { request, origin } = exchange;
  const guest = await ask(plugin, exchange, {
    request: guestRequest(request, noBody),
    options: { timeoutMs: timeoutOf(plugin), signal: gone, origin, upgrade: true },
  });
  if (guest.socket === undefined) await write(exchange, guest);
  else await response.connect(guest.socket, guest.headers, exchange);
}

async function answerStreamed(
  plugin: Plugin,
  exchange: Exchange,
  { body, gone }: { body: IncomingBody; gone: CancelOnce },
): Promise<void> {
  const { request, response } = exchange;
  let fault: XcoreError | undefined;
  body.onFault((found) => {
    fault = found;
    // The plugin is not asked any further; half an answer is cut.
    if (response.headersSent) response.destroy();
    else gone.cancel(found);
  });
  try {
    const guest = await ask(plugin, exchange, {
      request: { ...guestRequest(request, streamedBody), streamed: true },
      options: { timeoutMs: timeoutOf(plugin), signal: gone, body, origin: exchange.origin },
    });
    await write(exchange, guest);
  } catch (error) {
    throw fault ?? error;
  } finally {
    body.close();
  }
}

function write(exchange: Exchange, guest: PluginResponse): Promise<void> | undefined {
  return writeResponse(exchange, revalidated(exchange.request, guest));
}

const streamedBody: WholeBody = { text: "", encoding: "latin1" };

function guestRequest(request: IncomingMessage, body: WholeBody): GuestRequest {
  return {
    method: request.method ?? "GET",
    url: `http://${hostOf(request)}${innerPath(request.url ?? "/")}`,
    headers: request.rawHeaders,
    body: body.text,
    encoding: body.encoding,
  };
}

function timeoutOf(plugin: Plugin): number {
  return plugin.current?.build.limits.timeoutMs ?? startingTimeoutMs;
}

const hostPattern = /^[\w.-]+(:\d{1,5})?$|^\[[\da-f:.]+\](:\d{1,5})?$/i;

function hostOf(request: IncomingMessage): string {
  const given = request.headers.host;
  return given !== undefined && hostPattern.test(given) ? given : "localhost";
}
