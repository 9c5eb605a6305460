// The load generator: keep-alive connections over plain sockets, one request under way on each. It takes a fraction of the CPU of
// a whole HTTP client, which matters where it shares two cores with what it measures.
import { connect, type Socket } from "node:net";
import { quantile } from "./figures.ts";

export interface LoadOptions {
  /** `http://127.0.0.1:8082` */
  address: string;
  /** Several are taken in turn. */
  path: string | readonly string[];
  connections: number;
  ms: number;
  /** Sent as JSON by POST; without one a GET is sent. */
  body?: string;
  /** Requests per second over all connections. Default: as many as are answered. */
  rate?: number;
  onAnswer?(connection: number, body: string): void;
}

export interface LoadResult {
  answers: number;
  /** Answers other than 2xx, and requests whose connection ended. */
  failed: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export async function load(options: LoadOptions): Promise<LoadResult> {
  const times: number[] = [];
  let failed = 0;
  const began = performance.now();
  const until = began + options.ms;
  const take = (ok: boolean, ms: number): void => {
    if (!ok) failed += 1;
    else if (performance.now() <= until) times.push(ms);
  };
  const connections = Array.from({ length: options.connections }, (_, number) =>
    drive(number, { ...options, began, until, take }),
  );
  await Promise.all(connections);
  return {
    answers: times.length,
    failed,
    perSecond: times.length / (options.ms / 1000),
    p50Ms: quantile(times, 0.5),
    p99Ms: quantile(times, 0.99),
  };
}

interface Drive extends LoadOptions {
  began: number;
  until: number;
  take(ok: boolean, ms: number): void;
}

/** One connection until its time is over; a lost one is opened again. */
async function drive(number: number, options: Drive): Promise<void> {
  const { hostname, port, host } = new URL(options.address);
  const wires = [options.path].flat().map((path) => requestText(host, path, options.body));
  let sends = 0;
  while (performance.now() < options.until) {
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    let sentAt = 0;
    const send = (): void => {
      if (performance.now() >= options.until) {
        socket.destroy();
        return;
      }
      sentAt = performance.now();
      // Each connection begins elsewhere, so that all paths are under way at once.
      socket.write(wires[(number + sends) % wires.length] ?? "");
      sends += 1;
    };
    const next = (): void => {
      if (options.rate === undefined) {
        send();
        return;
      }
      const dueAt = options.began + ((sends * options.connections + number) * 1000) / options.rate;
      const waitMs = dueAt - performance.now();
      if (waitMs <= 0) send();
      else setTimeout(send, waitMs);
    };
    readAnswers(socket, (status, body) => {
      const ms = performance.now() - sentAt;
      sentAt = 0;
      options.take(status >= 200 && status < 300, ms);
      options.onAnswer?.(number, body());
      next();
    });
    socket.once("connect", next);
    socket.on("error", () => undefined);
    socket.once("close", () => {
      if (sentAt > 0) options.take(false, 0);
      end();
    });
    await ended;
  }
}

function requestText(host: string, path: string, body: string | undefined): Buffer {
  const head = `${body === undefined ? "GET" : "POST"} ${path} HTTP/1.1\r\nhost: ${host}\r\n`;
  if (body === undefined) return Buffer.from(`${head}\r\n`);
  const length = Buffer.byteLength(body);
  return Buffer.from(`${head}content-type: application/json\r\ncontent-length: ${length}\r\n\r\n${body}`);
}

/** Calls `onAnswer` once per whole answer; `body` reads it only when asked. */
function readAnswers(socket: Socket, onAnswer: (status: number, body: () => string) => void): void {
  let held: Buffer | undefined;
  let needed = 0;
  socket.on("data", (chunk: Buffer) => {
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk]);
    held = bytes;
    if (bytes.length < needed) return;
    const head = bytes.indexOf("\r\n\r\n");
    if (head < 0) return;
    const text = bytes.toString("latin1", 0, head);
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1];
    const start = head + 4;
    const end = length === undefined ? chunkedEnd(bytes, start) : start + Number(length);
    needed = end ?? 0;
    if (end === undefined || bytes.length < end) return;
    held = undefined;
    needed = 0;
    onAnswer(Number(text.slice(9, 12)), () => bytes.toString("utf8", start, end));
  });
}

const lastChunk = "0\r\n\r\n";

function chunkedEnd(bytes: Buffer, start: number): number | undefined {
  const at = bytes.indexOf(lastChunk, Math.max(start, bytes.length - lastChunk.length));
  return at < 0 ? undefined : at + lastChunk.length;
}
