// A client of a plugin's WebSocket, for tests: without a server between them.
import type { SocketChannel, SocketPeer } from "../core/plugins/exchange.ts";

export interface TestSocket {
  send(message: string | Uint8Array): void;
  /** The next message that was not taken yet. Rejects when the socket is closed before one comes. */
  next(): Promise<string | Uint8Array>;
  close(code?: number, reason?: string): void;
  /** How it was closed, by whichever side. */
  readonly closed: Promise<{ code: number; reason: string }>;
}

export function testSocket(channel: SocketChannel): TestSocket {
  const messages: (string | Uint8Array)[] = [];
  const ending = Promise.withResolvers<{ code: number; reason: string }>();
  let wake = Promise.withResolvers<void>();
  let partial = "";
  let isClosed = false;
  const end = (code: number, reason: string): void => {
    isClosed = true;
    ending.resolve({ code, reason });
    wake.resolve();
  };
  const peer: SocketPeer = {
    send({ text, encoding, last }, sent) {
      sent();
      partial += text;
      if (!last) return;
      messages.push(encoding === "utf8" ? partial : Buffer.from(partial, "latin1"));
      partial = "";
      wake.resolve();
    },
    close: end,
    ping: () => channel.alive(),
    pause: () => undefined,
    resume: () => undefined,
  };
  channel.connect(peer);
  return {
    send(message) {
      if (typeof message === "string") channel.hear(message, "utf8");
      else channel.hear(Buffer.from(message).toString("latin1"), "latin1");
    },
    async next() {
      for (;;) {
        const message = messages.shift();
        if (message !== undefined) return message;
        if (isClosed) throw new Error("the socket was closed, and there is no further message");
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
    },
    close(code = 1000, reason = "") {
      channel.closed(code, reason);
      end(code, reason);
    },
    closed: ending.promise,
  };
}
