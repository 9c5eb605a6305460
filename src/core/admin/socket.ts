// The control socket: newline-delimited JSON over a unix socket whose file permissions are the authorisation.
import { chmod, mkdir, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { errorData, systemCode, XcoreError } from "../base/error.ts";
import { controlSocketPath } from "../base/control-path.ts";
import type { OperationTable } from "./operations.ts";
import { runOperation } from "./table.ts";

const maxLineBytes = 4 * 1024 * 1024;

export interface ControlSocket extends AsyncDisposable {
  /** Answers from now on; before, clients wait. */
  serve(table: OperationTable): void;
}

/**
 * Takes the project's control socket; a stale one of a server that was killed is replaced.
 * Throws `SERVER_RUNNING` when a server answers on it.
 */
export async function openControlSocket(stateFolder: string): Promise<ControlSocket> {
  const path = controlSocketPath(stateFolder);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (await answers(path)) {
    throw new XcoreError("SERVER_RUNNING", "a server of this project is running already", {
      hint: "See it with xcore status, end it with xcore stop.",
    });
  }
  await rm(path, { force: true });
  const { promise: table, resolve: serve } = Promise.withResolvers<OperationTable>();
  const clients = new Set<Socket>();
  const server = createServer((client) => {
    clients.add(client);
    client.once("close", () => clients.delete(client));
    client.on("error", () => client.destroy());
    answer(client, table);
  });
  const listening = Promise.withResolvers<void>();
  server.once("error", listening.reject);
  server.listen(path, listening.resolve);
  await listening.promise;
  await chmod(path, 0o600);
  return {
    serve,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      for (const client of clients) client.end();
      const cut = setTimeout(() => clients.forEach((client) => client.destroy()), 200);
      await closed.promise;
      clearTimeout(cut);
    },
  };
}

function answer(client: Socket, table: Promise<OperationTable>): void {
  let pending = 0;
  client.on("data", (chunk: Buffer) => {
    pending = chunk.includes(10) ? chunk.length - chunk.lastIndexOf(10) : pending + chunk.length;
    if (pending > maxLineBytes) client.destroy();
  });
  const lines = createInterface({ input: client, crlfDelay: Infinity });
  // It repeats the client's errors, and nobody would hear them there: a client that is killed before it has read its answer.
  lines.on("error", () => client.destroy());
  lines.on("line", (line) => {
    void respond(line, table, client);
  });
}

async function respond(line: string, table: Promise<OperationTable>, client: Socket): Promise<void> {
  const text = await answerLine(line, table);
  if (client.writable) client.write(`${text}\n`);
}

async function answerLine(line: string, table: Promise<OperationTable>): Promise<string> {
  let id: unknown = null;
  try {
    const request = JSON.parse(line) as { id?: unknown; operation?: unknown; params?: unknown };
    id = request.id ?? null;
    const result = await runOperation(await table, String(request.operation), request.params ?? {});
    return JSON.stringify({ id, result });
  } catch (error) {
    const known = error instanceof SyntaxError ? new XcoreError("USAGE", "the line is not JSON") : error;
    return JSON.stringify({ id, error: errorData(known) });
  }
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const probe = connect(path);
  probe.once("connect", () => {
    probe.destroy();
    resolve(true);
  });
  probe.once("error", (error) => {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTSOCK") resolve(false);
    else if (code === "EACCES")
      reject(
        new XcoreError("DATA_FOLDER_FOREIGN", `${path} belongs to another user`, {
          hint: "Run as the user who owns .xcore, or remove that folder.",
        }),
      );
    else reject(error);
  });
  return promise;
}
