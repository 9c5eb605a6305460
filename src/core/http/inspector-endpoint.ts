// Where Chrome DevTools is connected to one plugin: a WebSocket on loopback, behind a path that nobody can guess.
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { WebSocket } from "ws";
import type { Plugin } from "../plugins/plugin.ts";

const largestMessage = 64 * 1024 * 1024;

export interface InspectorAddress {
  /** `ws://127.0.0.1:41234/<secret>` */
  webSocket: string;
  /** What to open in Chrome. */
  devtools: string;
  /** `http://127.0.0.1:41234/<secret>/json/list` */
  list: string;
}

export interface InspectorEndpoint extends AsyncDisposable {
  readonly address: InspectorAddress;
}

/** The plugin must be loaded for inspection. One debugger at a time; each finds the revision that lives when it comes. */
export async function openInspectorEndpoint(plugin: Plugin): Promise<InspectorEndpoint> {
  const { WebSocketServer } = await import("ws");
  const secret = `/${randomBytes(24).toString("base64url")}`;
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: largestMessage,
    perMessageDeflate: false,
  });
  const server = createServer((request, response) => {
    answer({ request, response, secret, describe: () => description(plugin, address) });
  });
  server.on("upgrade", (request, socket, head) => {
    if (request.url !== secret || !isLoopback(request)) {
      socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (client) => connect(client, plugin));
  });
  const port = await listening(server);
  const target = `127.0.0.1:${port}${secret}`;
  const address = {
    webSocket: `ws://${target}`,
    devtools: `devtools://devtools/bundled/js_app.html?experiments=true&v8only=true&ws=${target}`,
    list: `http://${target}/json/list`,
  };
  return {
    address,
    async [Symbol.asyncDispose]() {
      for (const client of sockets.clients) client.close(1001, "the inspection has ended");
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      server.closeAllConnections();
      const cut = setTimeout(() => sockets.clients.forEach((client) => client.terminate()), 500);
      await closed.promise;
      clearTimeout(cut);
    },
  };
}

function connect(client: WebSocket, plugin: Plugin): void {
  const session = plugin.current?.sandbox.inspection?.attach({
    onMessage: (message) => client.send(message),
    onEnd: () => client.close(1001, "the plugin was loaded anew; connect again"),
  });
  if (session === undefined) {
    client.close(1013, "another debugger is connected, or the plugin is being loaded");
    return;
  }
  client.on("message", (message: Buffer) => session.send(message.toString("utf8")));
  const { current } = plugin;
  client.on("close", () => {
    session.detach();
    // The next debugger finds a fresh isolate; what this one had stopped goes on in the old one.
    if (plugin.current === current && plugin.inspected) plugin.load().catch(() => undefined);
  });
  client.on("error", () => client.terminate());
}

interface Question {
  request: IncomingMessage;
  response: ServerResponse;
  secret: string;
  describe(): object;
}

/** What DevTools asks of a target before it connects. */
function answer({ request, response, secret, describe }: Question): void {
  const answers: Record<string, () => unknown> = {
    [`${secret}/json/version`]: () => ({
      Browser: `xcore (node ${process.version})`,
      "Protocol-Version": "1.1",
    }),
    [`${secret}/json/list`]: () => [describe()],
    [`${secret}/json`]: () => [describe()],
  };
  const known = isLoopback(request) ? answers[request.url ?? ""] : undefined;
  response.writeHead(known === undefined ? 404 : 200, { "content-type": "application/json" });
  response.end(known === undefined ? "{}" : JSON.stringify(known()));
}

function description(plugin: Plugin, { webSocket, devtools }: InspectorAddress): object {
  return {
    id: plugin.name,
    title: `${plugin.current?.build.label ?? plugin.name} (xcore plugin)`,
    description: "a plugin in its isolate",
    type: "node",
    url: `plugin:///${plugin.current?.build.label ?? plugin.name}/`,
    webSocketDebuggerUrl: webSocket,
    devtoolsFrontendUrl: devtools,
  };
}

/** DNS rebinding: a page that comes by another name is not answered. */
function isLoopback({ headers }: IncomingMessage): boolean {
  return /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/.test(headers.host ?? "");
}

async function listening(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}
