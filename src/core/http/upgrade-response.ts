// The answer to a request that asks for a WebSocket: an ordinary response, or the conversation itself.
import { ServerResponse, validateHeaderName, validateHeaderValue, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { ServerOptions, WebSocket } from "ws";
import { systemCode, XcoreError } from "../base/error.ts";
import type { SocketChannel, SocketPeer } from "../plugins/exchange.ts";
import { isOwnHeader } from "./own-header.ts";

export interface Upgrade {
  request: IncomingMessage;
  socket: Socket;
  /** What the client has sent behind its request. */
  head: Buffer;
  /** The largest message it may send. */
  maxMessageBytes: number;
}

/** Whom the handshake is made for. */
export interface Caller {
  readonly requestId: string;
  /** The handshake has been answered. */
  onHead(): void;
}

const closeTimeoutMs = 2000;

export class UpgradeResponse extends ServerResponse {
  readonly #upgrade: Upgrade;

  constructor(upgrade: Upgrade) {
    super(upgrade.request);
    this.#upgrade = upgrade;
    this.shouldKeepAlive = false;
    this.assignSocket(upgrade.socket);
    this.once("finish", () => upgrade.socket.end());
  }

  /** `headers`: of the plugin's answer, flat. Makes the handshake and lets the two ends talk. Settled when the conversation is over; rejects with what cut it off. */
  async connect(channel: SocketChannel, headers: readonly string[], caller: Caller): Promise<void> {
    const { request, socket, head, maxMessageBytes } = this.#upgrade;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { protocol, lines } = handshakeHeaders(channel, headers, caller.requestId);
    const { WebSocketServer } = await import("ws");
    const lost = (): void => {
      channel.closed(1006, "");
      resolve();
    };
    if (socket.destroyed) {
      lost();
      return;
    }
    socket.once("close", lost);
    this.statusCode = 101;
    // From here on nobody may write an answer of another kind.
    Object.defineProperty(this, "headersSent", { value: true });
    this.detachSocket(socket);
    const settings: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: maxMessageBytes,
      closeTimeout: closeTimeoutMs,
      handleProtocols: (offered) => (protocol !== undefined && offered.has(protocol) ? protocol : false),
    };
    const server = new WebSocketServer(settings);
    server.on("headers", (sent) => sent.push(...lines));
    server.handleUpgrade(request, socket, head, (client) => {
      // From now on the client tells, and tells more.
      socket.off("close", lost);
      client.once("close", () => resolve());
      caller.onHead();
      talk(client, channel, reject);
    });
    await promise;
  }
}

/** Undefined for a request that was sent behind another one which is not answered yet: that one holds the socket. */
export function upgradeResponse(upgrade: Upgrade): UpgradeResponse | undefined {
  try {
    return new UpgradeResponse(upgrade);
  } catch (error) {
    if (systemCode(error) === "ERR_HTTP_SOCKET_ASSIGNED") return undefined;
    throw error;
  }
}

function talk(client: WebSocket, channel: SocketChannel, reject: (fault: XcoreError) => void): void {
  client.on("message", (data: Buffer, isBinary) => {
    const encoding = isBinary ? "latin1" : "utf8";
    channel.hear(data.toString(encoding), encoding);
  });
  client.on("pong", () => channel.alive());
  client.on("close", (code, reason) => channel.closed(code, reason.toString()));
  // What was wrong is in the code that it is closed with.
  client.on("error", () => undefined);
  const peer: SocketPeer = {
    send: ({ text, encoding, last }, sent) => {
      const binary = encoding === "latin1";
      client.send(binary ? Buffer.from(text, "latin1") : text, { binary, fin: last }, () => sent());
    },
    close: (code, reason, fault) => {
      client.close(code, reason);
      if (fault !== undefined) reject(fault);
    },
    ping: () => client.ping(),
    pause: () => client.pause(),
    resume: () => client.resume(),
  };
  channel.connect(peer);
}

function handshakeHeaders(
  channel: SocketChannel,
  headers: readonly string[],
  requestId: string,
): { protocol: string | undefined; lines: string[] } {
  let protocol: string | undefined;
  const lines = [`x-request-id: ${requestId}`];
  try {
    for (let at = 0; at + 1 < headers.length; at += 2) {
      const name = headers[at] ?? "";
      const value = headers[at + 1] ?? "";
      if (name.toLowerCase() === "sec-websocket-protocol") protocol = value;
      if (isOwnHeader(name) || /^sec-websocket-/i.test(name)) continue;
      validateHeaderName(name);
      validateHeaderValue(name, value);
      lines.push(`${name}: ${value}`);
    }
  } catch (error) {
    const fault = new XcoreError(
      "PLUGIN_BAD_RESPONSE",
      "the plugin's response has a header that HTTP does not allow",
      { cause: error },
    );
    channel.finish(1011, "", fault);
    throw fault;
  }
  return { protocol, lines };
}
