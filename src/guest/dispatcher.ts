// Runs the handler a record asks for and sends off what it gave. Whatever a handler does, it ends in exactly one record, or in a head and chunks that end once.
import type { EventDelivery, GuestCallKind, JobRun } from "../wire/guest-calls.ts";
import type { Json } from "../wire/json.ts";
import type { LazyRequest } from "../wire/messages.ts";
import { answerOf, clientFault, Problem, problemRecord } from "./answer.ts";
import type { Call, Calls } from "./calls.ts";
import { Context, JobContext, RequestContext, type Plugin } from "./context.ts";
import { matchesEvent, type Definition } from "./definition.ts";
import { errorJson, XcoreError } from "./errors.ts";
import { noParams, type Match } from "./router.ts";
import { hookAnswer } from "./hooks.ts";
import type { Outbox } from "./outbox.ts";
import { jsonParse, jsonStringify, stringIndexOf, stringSlice } from "./primordials.ts";
import { Inlet } from "./streams/inlet.ts";
import { Outlet, type StreamedAnswer } from "./streams/outlet.ts";
import { SocketLink, type SocketAnswer, type SocketLoad } from "./streams/socket-link.ts";
import { requestFromWire } from "./web/request.ts";

export class Dispatcher {
  readonly #plugin: Plugin;
  readonly #definition: Definition;
  readonly #calls: Calls;
  readonly #outbox: Outbox;
  readonly #load: SocketLoad = { total: 0 };

  constructor(plugin: Plugin, definition: Definition, calls: Calls, outbox: Outbox) {
    this.#plugin = plugin;
    this.#definition = definition;
    this.#calls = calls;
    this.#outbox = outbox;
  }

  request(message: LazyRequest): void {
    const call = this.#calls.open(message.id, "request");
    const inlet = message.encoding === "stream" ? new Inlet(message.id, this.#outbox) : undefined;
    call.inlet = inlet;
    try {
      const given = this.#route(message, call, inlet);
      if (isThenable(given)) void this.#answerLater(call, given);
      else this.#answer(call, given);
    } catch (thrown) {
      this.#failRequest(call, thrown);
    }
  }

  call(id: number, kind: GuestCallKind, name: string, json: string): void {
    void this.#runCall(this.#calls.open(id, kind), name, json);
  }

  /** What the handler gives; a problem when there is none. */
  #route(message: LazyRequest, call: Call, inlet: Inlet | undefined): unknown {
    const { method, url } = message;
    const start = stringIndexOf(url, "/", stringIndexOf(url, "://") + 3);
    const mark = stringIndexOf(url, "?", start);
    const path = start === -1 ? "/" : stringSlice(url, start, mark === -1 ? url.length : mark);
    const match = this.#definition.routes.find(method, path);
    const found = match.kind === "found" ? match : { handler: this.#definition.fetch, params: noParams };
    if (found.handler === undefined) return noRoute(match, method, path);
    const search = mark === -1 ? "" : stringSlice(url, mark + 1);
    const context = new RequestContext(this.#plugin, call, found.params, search);
    return found.handler(requestFromWire(message, call, inlet), context);
  }

  async #answerLater(call: Call, given: PromiseLike<unknown>): Promise<void> {
    try {
      this.#answer(call, await given);
    } catch (thrown) {
      this.#failRequest(call, thrown);
    }
  }

  #answer(call: Call, given: unknown): void {
    const answer = answerOf(call.id, given);
    if (typeof answer === "string") this.#send(call, answer);
    else if ("socket" in answer) this.#become(call, answer);
    else this.#stream(call, answer);
  }

  #become(call: Call, answer: SocketAnswer): void {
    if (call.state === "aborted") return;
    const onEnd = (): void => void this.#calls.close(call);
    const link = new SocketLink(call, answer, { outbox: this.#outbox, load: this.#load, onEnd });
    call.socket = link;
    call.outlet = link;
  }

  #stream(call: Call, answer: StreamedAnswer): void {
    if (call.state === "aborted") {
      answer.stream.cancel(call.signal.reason).catch(() => undefined);
      return;
    }
    call.outlet = new Outlet(call.id, answer, this.#outbox, {
      onEnd: () => void this.#calls.close(call),
      onEarlyFailure: (thrown) => this.#failRequest(call, thrown),
    });
  }

  #failRequest(call: Call, thrown: unknown): void {
    try {
      const problem = clientFault(thrown);
      if (problem === undefined) this.#fail(call, thrown);
      else this.#send(call, problemRecord(call.id, problem));
    } catch (second) {
      this.#fail(call, second);
    }
  }

  async #runCall(call: Call, name: string, json: string): Promise<void> {
    try {
      const value = await this.#perform(call, name, jsonParse(json) as Json);
      const answer = jsonStringify(value) ?? "null";
      this.#send(call, `V${call.id}\n${answer}`);
    } catch (thrown) {
      this.#fail(call, thrown);
    }
  }

  async #perform(call: Call, name: string, payload: Json): Promise<unknown> {
    const definition = this.#definition;
    const context = (): Context => new Context(this.#plugin, call);
    switch (call.kind) {
      case "start":
        await definition.start?.(context());
        return null;
      case "stop":
        await definition.stop?.(context());
        return null;
      case "action": {
        const action = definition.actions.get(name);
        if (action === undefined) throw new XcoreError("ACTION_NOT_FOUND", `there is no action '${name}'`);
        return await action.run(await action.check(payload), context());
      }
      case "job": {
        const run = definition.jobs.get(name);
        if (run === undefined) throw new XcoreError("JOB_NOT_FOUND", `there is no job '${name}'`);
        const job = payload as unknown as JobRun;
        return run(job.data, new JobContext(this.#plugin, call, job));
      }
      case "event": {
        const event = payload as unknown as EventDelivery;
        for (const { pattern, run } of definition.events) {
          if (matchesEvent(pattern, event.name)) await run(event, context());
        }
        return null;
      }
      case "hook": {
        const run = definition.hooks.get(name);
        return run === undefined ? null : hookAnswer(await run(payload, context()));
      }
      case "request":
        throw new TypeError("a request is no call");
    }
  }

  #send(call: Call, record: string): void {
    if (!this.#outbox.hasRoom(record.length)) {
      throw new XcoreError(
        "PLUGIN_BAD_RESPONSE",
        `the answer has ${record.length} characters; that does not fit beside what is already on its way out`,
      );
    }
    if (this.#calls.close(call)) this.#outbox.add(record);
  }

  #fail(call: Call, thrown: unknown): void {
    if (this.#calls.close(call)) this.#outbox.add(`E${call.id}\n${errorJson(thrown)}`);
  }
}

function noRoute(match: Match<unknown>, method: string, path: string): Problem {
  switch (match.kind) {
    case "malformed":
      return new Problem({
        status: 400,
        code: "USAGE",
        detail: "the path holds a % that begins no character",
      });
    case "other-methods": {
      const allow = match.allow.join(", ");
      return new Problem({
        status: 405,
        code: "METHOD_NOT_ALLOWED",
        detail: `${path} answers ${allow}, not ${method}`,
        head: `allow\n${allow}`,
      });
    }
    default:
      return new Problem({ status: 404, code: "NOT_FOUND", detail: `there is no route ${method} ${path}` });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
