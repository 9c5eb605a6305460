// The host calls of `fetch`: one where both bodies are small or whole; where not, the plugin says and reads them piece by piece. It
// pulls, so that nothing is read that nobody asked for.
import type { Readable } from "node:stream";
import { Type, type Static, type TSchema } from "typebox";
import { Value } from "typebox/value";
import type { FetchAnswer, FetchRequest } from "../../../wire/host-calls.ts";
import { messageOf, XcoreError } from "../../base/error.ts";
import { formatDuration } from "../../base/units.ts";
import type { Facade, HostCallContext, PluginIdentity, Reply } from "../service.ts";
import { BodyReader } from "./body-reader.ts";
import { exchangeOver, OpenExchanges, type Exchange } from "./exchanges.ts";
import { Upload } from "./upload.ts";

export interface OutgoingRequest extends FetchRequest {
  body: Buffer | Readable | undefined;
}

export interface IncomingAnswer extends Omit<FetchAnswer, "body" | "encoding" | "exchange"> {
  body: Readable;
}

/** Sends a request of this plugin, if it may. When the signal is aborted, what was not read of the answer is given up, too. */
export type Send = (request: OutgoingRequest, signal: AbortSignal) => Promise<IncomingAnswer>;

/** Bodies of at most so many bytes come with the answer. */
const wholeBytes = 256 * 1024;
/** A call that waits for a body answers after this time at the latest, so that the guest asks again. */
const maxWaitMs = 10_000;
const bodyless: ReadonlySet<number> = new Set([101, 204, 205, 304]);

const fields = {
  url: Type.String({ maxLength: 8192 }),
  method: Type.String({ pattern: "^[A-Z]{1,16}$" }),
  headers: Type.Array(Type.Tuple([Type.String(), Type.String()]), { maxItems: 100 }),
  redirect: Type.Union([Type.Literal("follow"), Type.Literal("error"), Type.Literal("manual")]),
};
const Head = Type.Object(fields);
const Whole = Type.Object({
  ...fields,
  body: Type.Optional(Type.String()),
  encoding: Type.Optional(Type.Union([Type.Literal("utf8"), Type.Literal("latin1")])),
});
const exchange = Type.Integer({ minimum: 1 });
const OfExchange = Type.Object({ exchange });
const Piece = Type.Object({ exchange, text: Type.Optional(Type.String({ maxLength: 1024 * 1024 })) });

/** What they leave open is this table's own. */
export function fetchCalls(plugin: Pick<PluginIdentity, "name" | "limits">, send: Send): Facade["calls"] {
  const calls = new FetchCalls(new OpenExchanges(plugin), send);
  return {
    "fetch.request": async (args, context) => calls.request(checked(Whole, args), context),
    "fetch.open": async (args, context) => calls.open(checked(Head, args), context),
    "fetch.write": async (args, context) => calls.write(checked(Piece, args), context),
    "fetch.head": async (args, context) => calls.head(checked(OfExchange, args).exchange, context),
    "fetch.read": async (args, context) => calls.read(checked(OfExchange, args).exchange, context),
    "fetch.cancel": async (args) => calls.cancel(checked(OfExchange, args).exchange),
  };
}

class FetchCalls {
  readonly #exchanges: OpenExchanges;
  readonly #send: Send;

  constructor(exchanges: OpenExchanges, send: Send) {
    this.#exchanges = exchanges;
    this.#send = send;
  }

  async request(args: Static<typeof Whole>, context: HostCallContext): Promise<Reply<"fetch.request">> {
    const { body, encoding, ...head } = args;
    const request = { ...head, body: body === undefined ? undefined : Buffer.from(body, encoding ?? "utf8") };
    const controller = new AbortController();
    const deadline = setTimeout(() => controller.abort(overdue(context.timeoutMs)), context.timeoutMs);
    const onAbort = (): void => controller.abort(context.signal.reason);
    if (context.signal.aborted) onAbort();
    context.signal.addEventListener("abort", onAbort, { once: true });
    try {
      const answer = await this.#send(request, controller.signal);
      return await answerOf(answer, head.method, () => this.#exchanges.begin(controller, context));
    } catch (error) {
      controller.abort(error);
      throw error;
    } finally {
      clearTimeout(deadline);
      context.signal.removeEventListener("abort", onAbort);
    }
  }

  open(head: Static<typeof Head>, context: HostCallContext): Promise<Reply<"fetch.open">> {
    const opened = this.#exchanges.begin(new AbortController(), context);
    const upload = new Upload();
    opened.upload = upload;
    opened.answer = this.#send({ ...head, body: upload.body }, opened.controller.signal).then((answer) => {
      opened.touch();
      return answerOf(answer, head.method, () => opened);
    });
    // Whoever asks for the head is told.
    opened.answer.catch(() => upload.body.destroy());
    return Promise.resolve(opened.id);
  }

  async write(
    { exchange: id, text }: Static<typeof Piece>,
    context: HostCallContext,
  ): Promise<Reply<"fetch.write">> {
    const open = this.#exchanges.get(id);
    if (open?.upload === undefined) return "over";
    if (text === undefined) return open.upload.end();
    const said = await open.upload.write(Buffer.from(text, "latin1"), waitMs(context));
    if (said === "taken") this.#exchanges.count(open, "request", text.length);
    return said;
  }

  async head(id: number, context: HostCallContext): Promise<Reply<"fetch.head">> {
    const open = this.#exchanges.find(id);
    if (open.answer === undefined) throw wrongTurn(id);
    try {
      const answer = await within(open.answer, waitMs(context));
      if (answer !== undefined && answer.exchange === undefined) this.#exchanges.end(open);
      return answer ?? null;
    } catch (error) {
      throw this.#exchanges.end(open, cutOff(error)) ?? error;
    }
  }

  async read(id: number, context: HostCallContext): Promise<Reply<"fetch.read">> {
    const open = this.#exchanges.find(id);
    if (open.reader === undefined || open.reading) throw wrongTurn(id);
    open.reading = true;
    try {
      const chunk = await open.reader.next(waitMs(context));
      if (chunk === "later") return "";
      if (chunk === undefined) {
        this.#exchanges.end(open);
        return null;
      }
      this.#exchanges.count(open, "answer", chunk.length);
      return chunk.toString("latin1");
    } catch (error) {
      throw this.#exchanges.end(open, cutOff(error)) ?? error;
    } finally {
      open.reading = false;
    }
  }

  cancel(id: number): Promise<Reply<"fetch.cancel">> {
    const open = this.#exchanges.get(id);
    if (open !== undefined) this.#exchanges.end(open, exchangeOver("it was cancelled"));
    return Promise.resolve(null);
  }
}

/** The body with the head where it is small or has come by now; else it is left open, as what `begin` gives. */
async function answerOf(
  { body, ...head }: IncomingAnswer,
  method: string,
  begin: () => Exchange,
): Promise<FetchAnswer> {
  const reader = new BodyReader(body);
  const isEmpty = method === "HEAD" || bodyless.has(head.status);
  const length = isEmpty
    ? 0
    : Number(head.headers.find(([name]) => name === "content-length")?.[1] ?? Number.NaN);
  try {
    const come = length <= wholeBytes ? await reader.whole() : await reader.come();
    if (reader.ended) return { ...head, body: come.toString("latin1"), encoding: "latin1" };
    reader.giveBack(come);
  } catch (error) {
    throw cutOff(error);
  }
  const open = begin();
  open.reader = reader;
  return { ...head, body: "", encoding: "latin1", exchange: open.id };
}

function checked<Schema extends TSchema>(schema: Schema, args: unknown): Static<Schema> {
  if (Value.Check(schema, args)) return args;
  throw new XcoreError("INPUT_INVALID", "fetch: the arguments are not of their own shapes");
}

/** Half of what is left: the answer must still be in time. */
function waitMs({ timeoutMs }: HostCallContext): number {
  return Math.min(timeoutMs / 2, maxWaitMs);
}

/** Undefined when it takes longer. */
async function within<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

function wrongTurn(id: number): XcoreError {
  return new XcoreError("INPUT_INVALID", `fetch: the body ${id} is read already, or has not come yet`);
}

function overdue(ms: number): XcoreError {
  return new XcoreError("FETCH_FAILED", `fetch: no answer within ${formatDuration(ms)}`);
}

function cutOff(error: unknown): XcoreError {
  if (error instanceof XcoreError) return error;
  return new XcoreError("FETCH_FAILED", `fetch: the body of the answer was cut off: ${messageOf(error)}`, {
    cause: error,
  });
}
