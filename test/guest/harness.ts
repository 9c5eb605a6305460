// A real isolate with the real runtime, and a plugin's source in it; the test plays the core.
import { build } from "esbuild";
import ivm from "isolated-vm";
import { fileURLToPath } from "node:url";
import type {
  GuestCallKind,
  GuestDescription,
  GuestError,
  GuestResponse,
} from "../../src/wire/guest-calls.ts";
import type { Json } from "../../src/wire/json.ts";
import {
  decodeGuestMessage,
  encodeCoreMessage,
  type CoreMessage,
  type GuestMessage,
} from "../../src/wire/messages.ts";
import { chunkCost } from "../../src/wire/protocol.ts";
import { decodeBatch, encodeBatch } from "../../src/wire/records.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

let runtimeCode: Promise<string> | undefined;

export function bundleRuntime(): Promise<string> {
  runtimeCode ??= bundle({ entryPoints: [`${root}src/guest/main.ts`] });
  return runtimeCode;
}

export function bundlePlugin(source: string): Promise<string> {
  return bundle({
    stdin: { contents: source, resolveDir: root, loader: "ts" },
    alias: { "xcore/plugin": `${root}src/guest/plugin-module.ts` },
    globalName: "__xcore_plugin",
  });
}

async function bundle(options: Parameters<typeof build>[0]): Promise<string> {
  const { outputFiles = [] } = await build({
    ...options,
    bundle: true,
    write: false,
    format: "iife",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2024",
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

export interface GuestOptions {
  permissions?: readonly string[];
  config?: Record<string, Json>;
  /** Answers host calls; what it throws goes in as a failure with its code. */
  host?: (name: string, args: Json, call: number) => Json | Promise<Json>;
  /** Runs the plugin's script before the boot record is delivered; hosts do it the other way round. */
  bootLast?: boolean;
}

interface Waiting {
  resolve: (message: GuestMessage) => void;
}

/** A call the guest failed; `error` is what left the isolate. */
export class GuestFailure extends Error {
  readonly error: GuestError;

  constructor(error: GuestError) {
    super(error.message);
    this.error = error;
  }
}

/** One request whose records are looked at one by one. */
export class Exchange {
  readonly id: number;
  readonly messages: GuestMessage[] = [];
  #wake: (() => void) | undefined;

  constructor(id: number) {
    this.id = id;
  }

  take(message: GuestMessage): void {
    this.messages.push(message);
    this.#wake?.();
  }

  get kinds(): string {
    return this.messages.map(({ kind }) => kind).join(" ");
  }

  /** What of the body has come, and how much of the window that took. */
  get body(): { text: string; cost: number } {
    const chunks = this.messages.filter((message) => message.kind === "chunk");
    return {
      text: Buffer.from(chunks.map(({ text }) => text).join(""), "latin1").toString(),
      cost: chunks.reduce((sum, { text }) => sum + chunkCost(text.length), 0),
    };
  }

  /** Waits until the records fulfil it; the test's own time limit ends a wait in vain. */
  async until(condition: (exchange: this) => boolean): Promise<this> {
    while (!condition(this)) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this;
  }

  over(): Promise<this> {
    return this.until(({ messages }) => /^(response|end|error)$/.test(messages.at(-1)?.kind ?? ""));
  }
}

export class Guest implements Disposable {
  readonly logs: { level: string; message: string; fields: Record<string, Json> }[] = [];
  readonly hostCalls: { id: number; name: string; args: Json; call: number }[] = [];
  readonly cancels: number[] = [];
  readonly late: GuestMessage[] = [];
  readonly context: ivm.Context;
  wake: number | undefined;
  readonly #isolate: ivm.Isolate;
  readonly #receive: ivm.Reference<(batch: string) => string>;
  readonly #drain: ivm.Reference<() => string>;
  readonly #host: GuestOptions["host"];
  readonly #waiting = new Map<number, Waiting>();
  readonly #exchanges = new Map<number, Exchange>();
  #timer: NodeJS.Timeout | undefined;
  #lastId = 0;

  private constructor(runtime: string, options: GuestOptions) {
    this.#isolate = new ivm.Isolate({ memoryLimit: 64 });
    this.context = this.#isolate.createContextSync();
    this.context.evalSync(runtime, { filename: "xcore:///runtime.js" });
    const entry = this.context.global.getSync("__xcore_runtime", { reference: true });
    this.#receive = entry.getSync("receive", { reference: true });
    this.#drain = entry.getSync("drain", { reference: true });
    this.context.global.deleteSync("__xcore_runtime");
    this.#host = options.host;
  }

  /** Loads `source` (TypeScript) as a plugin and gives what it described; rejects with a GuestFailure. */
  static async load(
    source: string,
    options: GuestOptions = {},
  ): Promise<Guest & { description: GuestDescription }> {
    const [runtime, code] = await Promise.all([bundleRuntime(), bundlePlugin(source)]);
    const guest = new Guest(runtime, options);
    const run = (): void => guest.context.evalSync(code, { filename: "plugin:///test@1.0.0/index.js" });
    if (options.bootLast === true) run();
    const json = JSON.stringify({
      plugin: "test",
      version: "1.0.0",
      config: options.config ?? {},
      permissions: options.permissions ?? [],
      seed: Buffer.from(crypto.getRandomValues(new Uint8Array(64))).toString("base64"),
    });
    const answer = guest.#await(0);
    guest.send({ kind: "boot", json });
    if (options.bootLast !== true) {
      run();
      guest.knock();
    }
    try {
      const description = valueOf(await answer) as unknown as GuestDescription;
      return Object.assign(guest, { description });
    } catch (error) {
      guest[Symbol.dispose]();
      throw error;
    }
  }

  async request(
    method: string,
    path: string,
    options: { headers?: string[]; body?: string; encoding?: "utf8" | "latin1" } = {},
  ): Promise<GuestResponse> {
    const { answer } = this.begin(method, path, options);
    return answer;
  }

  /** Starts a request; its id is for aborting it. */
  begin(
    method: string,
    path: string,
    options: { headers?: string[]; body?: string; encoding?: "utf8" | "latin1" } = {},
  ): { id: number; answer: Promise<GuestResponse> } {
    const id = (this.#lastId += 1);
    const message = this.#await(id);
    const { headers = [], body = "", encoding = "utf8" } = options;
    const request = { method, url: `http://server.test${path}`, headers, body, encoding };
    this.send({ kind: "request", id, timeoutMs: 60_000, request });
    const answer = message.then((given) => {
      if (given.kind === "response") return given.response;
      valueOf(given);
      throw new Error(`expected a response, got ${given.kind}`);
    });
    answer.catch(() => undefined);
    return { id, answer };
  }

  /** Starts a request whose records the test reads itself; `streamed`: its body is sent by the test in chunks. */
  exchange(method: string, path: string, options: { streamed?: boolean } = {}): Exchange {
    const exchange = this.adopt((this.#lastId += 1));
    const url = `http://server.test${path}`;
    const request = { method, url, headers: [], body: "", encoding: "utf8", ...options } as const;
    this.send({ kind: "request", id: exchange.id, timeoutMs: 60_000, request });
    return exchange;
  }

  /** Looks after the records of a request that the test sends itself. */
  adopt(id: number): Exchange {
    const exchange = new Exchange(id);
    this.#exchanges.set(id, exchange);
    return exchange;
  }

  async call(kind: GuestCallKind, name: string, payload: Json): Promise<Json> {
    const id = (this.#lastId += 1);
    const message = this.#await(id);
    this.send({ kind: "call", id, timeoutMs: 60_000, call: kind, name, json: JSON.stringify(payload) });
    return valueOf(await message);
  }

  send(...messages: CoreMessage[]): void {
    this.deliver(encodeBatch(messages.map((message) => encodeCoreMessage(message))));
  }

  /** Any text as a batch, also what is none. */
  deliver(batch: string): void {
    this.#bringOut(this.#receive.applySync(undefined, [batch], { timeout: 60_000 }));
    this.#bringOut(this.#drain.applySync(undefined, [], { timeout: 60_000 }));
  }

  /** As the host does when a timer is due. */
  knock(): void {
    this.deliver("");
  }

  evaluate(code: string): unknown {
    return this.context.evalSync(code, { copy: true });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    if (!this.#isolate.isDisposed) this.#isolate.dispose();
  }

  #bringOut(said: string): void {
    const split = said.indexOf(";");
    const wake = said.slice(0, split).replace("+", "");
    this.wake = wake === "-" ? undefined : Number(wake);
    clearTimeout(this.#timer);
    if (this.wake !== undefined) this.#timer = setTimeout(() => this.knock(), this.wake);
    for (const record of decodeBatch(said.slice(split + 1))) this.#take(decodeGuestMessage(record));
  }

  #take(message: GuestMessage): void {
    const exchange = "id" in message ? this.#exchanges.get(message.id) : undefined;
    if (exchange !== undefined && message.kind !== "host-call" && message.kind !== "cancel") {
      exchange.take(message);
      return;
    }
    switch (message.kind) {
      case "log":
        this.logs.push({
          level: message.level,
          ...(JSON.parse(message.json) as { message: string; fields: {} }),
        });
        return;
      case "cancel":
        this.cancels.push(message.id);
        return;
      case "host-call": {
        const args = JSON.parse(message.json) as Json;
        this.hostCalls.push({ id: message.id, name: message.name, args, call: message.call });
        void this.#answerHostCall(message.id, message.name, args, message.call);
        return;
      }
      default: {
        const waiting = this.#waiting.get(message.id);
        this.#waiting.delete(message.id);
        if (waiting === undefined) this.late.push(message);
        else waiting.resolve(message);
      }
    }
  }

  async #answerHostCall(id: number, name: string, args: Json, call: number): Promise<void> {
    if (this.#host === undefined) return;
    let message: CoreMessage;
    try {
      message = { kind: "reply", id, json: JSON.stringify(await this.#host(name, args, call)) };
    } catch (error) {
      const { code = "INTERNAL", message: text } = error as Error & { code?: string };
      message = { kind: "failure", id, json: JSON.stringify({ code, message: text }) };
    }
    if (!this.#isolate.isDisposed) this.send(message);
  }

  #await(id: number): Promise<GuestMessage> {
    const { promise, resolve } = Promise.withResolvers<GuestMessage>();
    this.#waiting.set(id, { resolve });
    return promise;
  }
}

function valueOf(message: GuestMessage): Json {
  if (message.kind === "value") return JSON.parse(message.json) as Json;
  if (message.kind === "error") throw new GuestFailure(JSON.parse(message.json) as GuestError);
  throw new Error(`expected a value, got ${message.kind}`);
}
