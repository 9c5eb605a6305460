// Speaks to the server that runs in a project, over its control socket: newline-delimited JSON, many requests under way.
import { connect, type Socket } from "node:net";
import { XcoreError, errorFromData, systemCode, type ErrorData } from "../core/base/error.ts";
import { controlSocketPath } from "../core/base/control-path.ts";
import type { OperationName, Operations } from "../core/index.ts";

export interface CallOptions {
  /** How long to wait for the answer. Default 10 s; null waits for as long as the server is there. */
  timeoutMs?: number | null;
}

export interface ControlClient extends Disposable {
  /** Rejects with the server's own error, or with `SERVER_UNREACHABLE` when no answer comes. */
  call<Name extends OperationName>(
    operation: Name,
    params: Operations[Name]["params"],
    options?: CallOptions,
  ): Promise<Operations[Name]["result"]>;
  /** Resolves once the server has closed the connection. */
  readonly closed: Promise<void>;
  close(): void;
}

const defaultTimeoutMs = 10_000;
const connectTimeoutMs = 5_000;

/** Rejects with `SERVER_NOT_RUNNING` when nobody listens, with `SERVER_UNREACHABLE` when somebody does but can't be spoken to. */
export async function connectControl(stateFolder: string): Promise<ControlClient> {
  const path = controlSocketPath(stateFolder);
  const socket = connect(path);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once("connect", resolve);
  socket.once("error", reject);
  const timer = setTimeout(
    () => reject(unreachable(`nobody accepts at ${path} within ${connectTimeoutMs} ms`)),
    connectTimeoutMs,
  );
  try {
    await promise;
  } catch (error) {
    socket.destroy();
    throw connectError(error, path);
  } finally {
    clearTimeout(timer);
    socket.off("error", reject);
  }
  return new Client(socket);
}

interface Waiting {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

class Client implements ControlClient {
  readonly closed: Promise<void>;
  #socket: Socket;
  #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #rest = "";

  constructor(socket: Socket) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#receive(chunk));
    socket.on("error", () => undefined);
    socket.on("close", () => {
      for (const waiting of this.#waiting.values()) {
        waiting.reject(unreachable("the server closed the connection before it answered"));
      }
      this.#waiting.clear();
      resolve();
    });
  }

  async call<Name extends OperationName>(
    operation: Name,
    params: Operations[Name]["params"],
    options: CallOptions = {},
  ): Promise<Operations[Name]["result"]> {
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    if (this.#socket.destroyed) throw unreachable("the server closed the connection");
    this.#waiting.set(id, { resolve, reject });
    this.#socket.write(`${JSON.stringify({ id, operation, params })}\n`);
    const timeoutMs = options.timeoutMs === undefined ? defaultTimeoutMs : options.timeoutMs;
    const timer =
      timeoutMs === null
        ? undefined
        : setTimeout(
            () => reject(unreachable(`the server did not answer '${operation}' within ${timeoutMs} ms`)),
            timeoutMs,
          );
    try {
      return (await promise) as Operations[Name]["result"];
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #receive(chunk: string): void {
    const lines = (this.#rest + chunk).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#settle(line);
  }

  #settle(line: string): void {
    const answer = parse(line);
    const waiting = answer === undefined ? undefined : this.#waiting.get(answer.id);
    if (answer?.error !== undefined) waiting?.reject(errorFromData(answer.error));
    else waiting?.resolve(answer?.result);
  }
}

function parse(line: string): { id: number; result?: unknown; error?: ErrorData } | undefined {
  try {
    return JSON.parse(line) as { id: number; result?: unknown; error?: ErrorData };
  } catch {
    return undefined;
  }
}

function connectError(error: unknown, path: string): XcoreError {
  if (error instanceof XcoreError) return error;
  const code = systemCode(error);
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    return new XcoreError("SERVER_NOT_RUNNING", "no xcore server is running in this project", {
      hint: "Start one with: xcore serve",
      details: { socket: path },
    });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new XcoreError("FORBIDDEN", `the server's control socket ${path} belongs to another user`, {
      hint: "Run this as the user that started the server, or use --url and --token.",
      details: { socket: path },
      cause: error,
    });
  }
  return unreachable(`the control socket ${path} answers ${code ?? String(error)}`, error);
}

function unreachable(message: string, cause?: unknown): XcoreError {
  return new XcoreError("SERVER_UNREACHABLE", message, {
    hint: "Look at the server's log; if it hangs, end it and start it again with: xcore serve",
    ...(cause === undefined ? {} : { cause }),
  });
}
