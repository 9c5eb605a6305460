// A real control socket that answers what a test tells it to: the other end of the client, without a core behind it.
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { controlSocketPath } from "../../../src/core/base/control-path.ts";

export interface Answer {
  result?: unknown;
  /** Close the connection after this answer, as a server does that stops. */
  last?: boolean;
  error?: { code: string; message: string; hint?: string };
}

/** `undefined` leaves the request without an answer. */
export type Answerer = (operation: string, params: unknown) => Answer | "hang up" | undefined;

export async function openControlServer(stateFolder: string, answer: Answerer): Promise<AsyncDisposable> {
  const path = controlSocketPath(stateFolder);
  await mkdir(dirname(path), { recursive: true });
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.setEncoding("utf8");
    let rest = "";
    socket.on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const request = JSON.parse(line) as { id: number; operation: string; params: unknown };
        const given = answer(request.operation, request.params);
        if (given === "hang up") socket.destroy();
        else if (given !== undefined) {
          const { last = false, ...answered } = given;
          socket.write(`${JSON.stringify({ id: request.id, ...answered })}\n`);
          if (last) socket.end();
        }
      }
    });
  });
  server.listen(path);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
