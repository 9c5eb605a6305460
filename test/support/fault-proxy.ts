// A TCP proxy that does to a connection what networks and dying servers do: for tests of what happens then.
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "./ports.ts";

/** How connections fare, those that are there already and those to come. */
export type Fault =
  | { readonly kind: "pass" }
  /** Nobody listens, and connections are reset: the server's process has gone. */
  | { readonly kind: "refuse" }
  /** Connections are accepted and stay; not a byte flows, either way, until the fault is over. Then everything held back does. */
  | { readonly kind: "blackhole" }
  /** Each byte arrives this much later, each way. */
  | { readonly kind: "latency"; readonly ms: number }
  | { readonly kind: "throttle"; readonly bytesPerSecond: number }
  /** A connection is reset in the middle, once this much of answers has passed it since the fault was set. */
  | { readonly kind: "cut"; readonly afterBytes: number };

export interface FaultProxy extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Connections of clients that are open. */
  readonly connections: number;
  /** Resolves when the fault is in force. */
  set(fault: Fault): Promise<void>;
  /** Turns the connections there are into half-open ones: the other end is gone and nobody is told, now or later. New ones pass. */
  forget(): void;
}

/** `host` may be the path of a unix socket, given without a port. */
export interface ProxyTarget {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
}

const mostHeldBytes = 1024 * 1024;

export async function openFaultProxy(target: ProxyTarget): Promise<FaultProxy> {
  let fault: Fault = { kind: "pass" };
  let changed = Promise.withResolvers<void>();
  const links = new Set<Link>();
  const current = (): Fault => fault;
  const accept = (client: Socket): void => {
    const upstream = target.path === undefined ? connectTcp(target) : connect({ path: target.path });
    const link = new Link({ client, upstream, current, change: () => changed.promise });
    links.add(link);
    client.once("close", () => links.delete(link));
  };
  // Of its own choice: while it refuses, nobody else is given it by chance.
  const port = await freePort();
  let server = await listen(accept, port);
  let listening = true;
  return {
    host: "127.0.0.1",
    port,
    get connections() {
      return links.size;
    },
    async set(next) {
      fault = next;
      for (const link of links) link.passed = 0;
      changed.resolve();
      changed = Promise.withResolvers();
      if (next.kind === "refuse") {
        if (listening) server.close();
        listening = false;
        for (const link of links) link.reset();
      } else if (!listening) {
        server = await listen(accept, port);
        listening = true;
      }
    },
    forget() {
      for (const link of links) link.forget();
    },
    async [Symbol.asyncDispose]() {
      for (const link of links) link.reset();
      if (!listening) return;
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

/** Node leaves a socket that is reset while its end is being written open for good, and the process then spins at its exit. */
function breakOff(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}

function connectTcp({ host = "127.0.0.1", port = 0 }: ProxyTarget): Socket {
  return connect({ host, port, noDelay: true });
}

async function listen(accept: (client: Socket) => void, port: number): Promise<Server> {
  const server = createServer({ noDelay: true, allowHalfOpen: true }, accept);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

interface LinkOptions {
  client: Socket;
  upstream: Socket;
  current: () => Fault;
  /** Resolves with the next change of the fault. */
  change: () => Promise<void>;
}

class Link {
  /** Bytes of answers since the fault was set. */
  passed = 0;
  readonly #options: LinkOptions;
  #forgotten = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const { client, upstream } = options;
    void this.#carry(client, upstream, false);
    void this.#carry(upstream, client, true);
    client.on("error", () => upstream.destroy());
    client.on("close", () => upstream.destroy());
    // A server that dies breaks its connections; those of a half-open one must not hear of it.
    upstream.on("error", () => {
      if (!this.#forgotten) breakOff(client);
    });
  }

  reset(): void {
    breakOff(this.#options.client);
    this.#options.upstream.destroy();
  }

  forget(): void {
    this.#forgotten = true;
    this.#options.upstream.destroy();
    // What the client says goes nowhere; it is read, as a network would take it.
    const { client } = this.#options;
    client.once("end", () => client.destroy());
    if (client.readableEnded) client.destroy();
    else client.resume();
  }

  async #carry(from: Socket, to: Socket, answers: boolean): Promise<void> {
    const held: { chunk: Buffer; since: number }[] = [];
    let heldBytes = 0;
    let ended = false;
    let arrived = Promise.withResolvers<void>();
    from.on("data", (chunk: Buffer) => {
      if (this.#forgotten) return;
      held.push({ chunk, since: performance.now() });
      heldBytes += chunk.length;
      if (heldBytes > mostHeldBytes) from.pause();
      arrived.resolve();
    });
    const end = (): void => {
      ended = true;
      arrived.resolve();
    };
    from.on("end", end);
    from.on("close", end);
    for (;;) {
      const next = held.shift();
      if (next !== undefined) {
        heldBytes -= next.chunk.length;
        await this.#hold(next);
        if (this.#forgotten || to.destroyed) return;
        if (answers && this.#cutBy(next.chunk, to)) return;
        if (!to.write(next.chunk)) await Promise.race([once(to, "drain"), once(to, "close")]).catch(() => []);
        from.resume();
      } else if (ended) {
        await this.#hold({ chunk: Buffer.alloc(0), since: performance.now() });
        if (!this.#forgotten) to.end();
        return;
      } else {
        await arrived.promise;
        arrived = Promise.withResolvers();
      }
    }
  }

  async #hold({ chunk, since }: { chunk: Buffer; since: number }): Promise<void> {
    const { current, change } = this.#options;
    for (;;) {
      const fault = current();
      if (fault.kind === "blackhole") await change();
      else if (fault.kind === "latency") {
        const rest = since + fault.ms - performance.now();
        if (rest > 0) await pause(rest);
        return;
      } else if (fault.kind === "throttle") {
        await pause((chunk.length / fault.bytesPerSecond) * 1000);
        return;
      } else return;
    }
  }

  #cutBy(chunk: Buffer, to: Socket): boolean {
    const fault = this.#options.current();
    if (fault.kind !== "cut") return false;
    const rest = fault.afterBytes - this.passed;
    this.passed += chunk.length;
    if (this.passed <= fault.afterBytes) return false;
    to.write(chunk.subarray(0, Math.max(rest, 0)), () => this.reset());
    return true;
  }
}
