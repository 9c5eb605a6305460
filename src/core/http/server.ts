// The listening socket: where it listens, how it moves from a taken default port, how it drains.
import { once } from "node:events";
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { systemCode, XcoreError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { ServerConfig } from "../config/config.ts";
import { mountRoot } from "./mount.ts";
import { portHolder } from "./port-holder.ts";
import { upgradeResponse } from "./upgrade-response.ts";

const portsToTry = 20;

export interface HttpServer {
  /** `http://127.0.0.1:8082` */
  readonly address: string;
  /**
   * Stops accepting, then waits for requests under way up to `drainMs` or until `hurry` fires; what is left is cut. Further calls
   * share the first.
   */
  close(options: DrainOptions): Promise<void>;
}

export interface DrainOptions {
  drainMs: number;
  hurry: AbortSignal;
}

export async function listen(
  config: ServerConfig,
  handler: RequestListener,
  logger: Logger,
): Promise<HttpServer> {
  const server = createServer(
    {
      requestTimeout: config.requestTimeoutMs,
      headersTimeout: config.headersTimeoutMs,
      shouldUpgradeCallback: asksPluginForSocket,
      // A request without a body costs no stream events that nobody listens to.
      optimizeEmptyRequests: true,
    },
    handler,
  );
  // The server forgets connections that it hands over.
  const upgraded = new Set<Socket>();
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    socket.on("error", () => socket.destroy());
    const response = upgradeResponse({ request, socket, head, maxMessageBytes: config.maxBodyBytes });
    if (response === undefined) socket.destroy();
    else handler(request, response);
  });
  server.maxConnections = config.maxConnections;
  const port = await bind(server, config);
  if (port !== config.port && config.port !== 0) {
    logger.warn(
      { port: config.port, holder: await portHolder(config.port) },
      `port ${config.port} is taken; moved to ${port}`,
    );
  }
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  let closing: Promise<void> | undefined;
  return {
    address: `http://${host}:${port}`,
    close: (options) => (closing ??= drain(server, upgraded, options)),
  };
}

/** Binds the port; a taken default port gives way to the next free one, an explicit one is an error. */
async function bind(server: Server, config: ServerConfig): Promise<number> {
  const last = config.portExplicit || config.port === 0 ? config.port : config.port + portsToTry - 1;
  for (let port = config.port; port <= last; port += 1) {
    try {
      await listenOn(server, port, config.host);
      return (server.address() as AddressInfo).port;
    } catch (error) {
      if (systemCode(error) !== "EADDRINUSE") throw unbindable(error, config.host, port);
    }
  }
  throw await taken(config, last);
}

async function listenOn(server: Server, port: number, host: string): Promise<void> {
  const listening = once(server, "listening");
  server.listen(port, host);
  await listening;
}

async function taken(config: ServerConfig, last: number): Promise<XcoreError> {
  const holder = await portHolder(config.port);
  const held = holder === undefined ? "" : ` by ${holder}`;
  const what =
    last === config.port
      ? `port ${config.port} is taken${held}`
      : `ports ${config.port} to ${last} are all taken (${config.port}${held})`;
  return new XcoreError("PORT_TAKEN", what, {
    hint: "Stop that process, or choose another port with --port or server.port in integration.yaml.",
  });
}

function unbindable(error: unknown, host: string, port: number): XcoreError {
  const reasons: Record<string, string> = {
    EACCES: `port ${port} needs more rights than this user has`,
    EADDRNOTAVAIL: `this machine has no address ${host}`,
    ENOTFOUND: `the host '${host}' is not known`,
  };
  const message = reasons[systemCode(error) ?? ""] ?? `can't listen on ${host}:${port}`;
  return new XcoreError("PORT_TAKEN", message, {
    hint: "Choose another with --host and --port, or server.host and server.port in integration.yaml.",
    cause: error,
  });
}

function asksPluginForSocket({ method, url, headers }: IncomingMessage): boolean {
  const asks = method === "GET" && headers.upgrade?.toLowerCase() === "websocket";
  return asks && url?.startsWith(mountRoot) === true;
}

async function drain(
  server: Server,
  upgraded: ReadonlySet<Socket>,
  { drainMs, hurry }: DrainOptions,
): Promise<void> {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  const idle = setInterval(() => server.closeIdleConnections(), 25);
  const cut = (): void => {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  };
  const late = setTimeout(cut, drainMs);
  hurry.addEventListener("abort", cut, { once: true });
  server.closeIdleConnections();
  if (hurry.aborted) cut();
  await closed;
  clearInterval(idle);
  clearTimeout(late);
  hurry.removeEventListener("abort", cut);
}
