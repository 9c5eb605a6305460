// fetch: one host call where both bodies are small or whole, an exchange of several where one of them is a stream. Whether the
// address may be reached is decided outside.
import type { FetchAnswer, FetchRequest, HostCalls } from "../../wire/host-calls.ts";
import { openBody, type LateBody } from "./body.ts";
import { copyOfBytes, latin1FromBytes } from "./bytes.ts";
import { Headers } from "./headers.ts";
import { Request } from "./request.ts";
import { receivedResponse, type Response } from "./response.ts";

export type Fetch = (
  input: ConstructorParameters<typeof Request>[0],
  init?: ConstructorParameters<typeof Request>[1],
) => Promise<Response>;

type FetchCallName = Extract<keyof HostCalls, `fetch.${string}`>;

type Ask = <Name extends FetchCallName>(
  name: Name,
  args: HostCalls[Name]["args"],
  onStart?: (giveUp: (reason: unknown) => void) => void,
) => Promise<HostCalls[Name]["reply"]>;

/** The bytes that one `fetch.write` takes. */
const pieceLength = 64 * 1024;

/** `check` throws when there is no permission to fetch. */
export function makeFetch(check: () => void, ask: Ask): Fetch {
  return async function fetch(input, init) {
    check();
    const request = new Request(input, init);
    request.signal.throwIfAborted();
    const body = openBody(request);
    const head: FetchRequest = {
      url: request.url,
      method: request.method,
      headers: [...request.headers],
      redirect: request.redirect,
    };
    const exchange = new Exchange(ask, request.signal);
    try {
      const answer =
        "text" in body
          ? await exchange.ask("fetch.request", {
              ...head,
              ...(body.text === "" ? {} : { body: body.text, encoding: body.encoding }),
            })
          : await exchange.send(head, body);
      return received(answer, exchange);
    } catch (error) {
      exchange.end();
      throw error;
    }
  };
}

function received(answer: FetchAnswer, exchange: Exchange): Response {
  const late = answer.exchange === undefined ? undefined : exchange.bodyOf(answer.exchange);
  if (late === undefined) exchange.end();
  return receivedResponse({
    url: answer.url,
    redirected: answer.redirected,
    status: answer.status,
    statusText: answer.statusText,
    headers: new Headers(answer.headers),
    text: answer.body,
    encoding: answer.encoding,
    late,
  });
}

/** One request and its answer, as long as something of either body is under way. */
class Exchange {
  readonly #ask: Ask;
  readonly #signal: Request["signal"];
  readonly #onAbort = (): void => this.#abort();
  #giveUp: ((reason: unknown) => void) | undefined;
  #id: number | undefined;
  #upload: ReadableStreamDefaultReader<unknown> | undefined;

  constructor(ask: Ask, signal: Request["signal"]) {
    this.#ask = ask;
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
  }

  /** Given up as soon as the request's signal says so. */
  ask<Name extends FetchCallName>(
    name: Name,
    args: HostCalls[Name]["args"],
  ): Promise<HostCalls[Name]["reply"]> {
    return this.#ask(name, args, (giveUp) => (this.#giveUp = giveUp));
  }

  async send(head: FetchRequest, body: ReadableStream<unknown>): Promise<FetchAnswer> {
    const reader = body.getReader();
    this.#upload = reader;
    let failed: { error: unknown } | undefined;
    try {
      const id = await this.ask("fetch.open", head);
      this.#id = id;
      const onFailure = (error: unknown): void => {
        failed ??= { error };
        this.#cancel();
      };
      this.#pump(id, reader).catch(onFailure);
      for (;;) {
        const answer = await this.ask("fetch.head", { exchange: id });
        if (answer !== null) return answer;
      }
    } catch (error) {
      // What the author's stream threw is the reason; the core only saw it being cancelled.
      const reason = failed === undefined ? error : failed.error;
      reader.cancel(reason).catch(() => undefined);
      throw reason;
    }
  }

  bodyOf(id: number): LateBody {
    this.#id = id;
    return {
      read: async () => {
        try {
          let text: string | null = "";
          while (text === "") {
            this.#signal.throwIfAborted();
            text = await this.ask("fetch.read", { exchange: id });
          }
          if (text !== null) return text;
        } catch (error) {
          this.end();
          throw error;
        }
        this.end();
        return undefined;
      },
      cancel: () => {
        this.#cancel();
        this.end();
      },
    };
  }

  /** Nothing more is asked of it. */
  end(): void {
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  async #pump(exchange: number, reader: ReadableStreamDefaultReader<unknown>): Promise<void> {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        await this.#ask("fetch.write", { exchange });
        return;
      }
      const bytes = copyOfBytes(value);
      if (bytes === undefined)
        throw new TypeError("fetch: the body's stream gave something that is no bytes");
      for (let at = 0; at < bytes.length; at += pieceLength) {
        if (!(await this.#write(exchange, latin1FromBytes(bytes.subarray(at, at + pieceLength))))) {
          await reader.cancel();
          return;
        }
      }
    }
  }

  /** False when nobody takes more. */
  async #write(exchange: number, text: string): Promise<boolean> {
    for (;;) {
      const said = await this.#ask("fetch.write", { exchange, text });
      if (said !== "later") return said === "taken";
    }
  }

  #abort(): void {
    const { reason } = this.#signal;
    this.end();
    this.#giveUp?.(reason);
    this.#upload?.cancel(reason).catch(() => undefined);
    this.#cancel();
  }

  #cancel(): void {
    if (this.#id !== undefined) this.#ask("fetch.cancel", { exchange: this.#id }).catch(() => undefined);
  }
}
