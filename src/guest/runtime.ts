// The running plugin: takes records in, has its handlers run, and puts what they gave into the outbox.
import type { BootRecord } from "../wire/guest-calls.ts";
import { Crossing, type Collect } from "../wire/crossing.ts";
import { Calls, type Call } from "./calls.ts";
import { requirePermission, type Plugin } from "./context.ts";
import { decodeBatch, type Received } from "./decode.ts";
import { readDefinition } from "./definition.ts";
import { Dispatcher } from "./dispatcher.ts";
import { errorJson, messageOf, XcoreError } from "./errors.ts";
import { HostLink } from "./host-link.ts";
import { makeLog } from "./log.ts";
import { Outbox } from "./outbox.ts";
import { freeze, jsonParse, jsonStringify, SafeMap } from "./primordials.ts";
import type { SchemaCheck } from "./schema-check.ts";
import { Timers } from "./timers.ts";

export class Runtime {
  readonly outbox = new Outbox();
  readonly timers = new Timers();
  readonly link = new HostLink(this.outbox);
  readonly #calls = new Calls();
  #boot: BootRecord | undefined;
  #plugin: Plugin | undefined;
  #dispatcher: Dispatcher | undefined;
  #said = "";
  // Taken before lockDown takes it from everybody else.
  readonly #crossing = new Crossing((globalThis as { gc?: Collect }).gc);

  /**
   * Runs the timers that are due, then takes a batch of records in: a timer that a record has just set must not fire before
   * the microtasks of that record. Gives what `drain` would, with a `+` behind the milliseconds
   * when calls are still open: their handlers may go on as soon as this returns. Throws a `SyntaxError` on anything that is no batch.
   * What it gives is kept until the next entry: a rejection nobody awaits makes V8 throw in place of the result.
   */
  receive(batch: string): string {
    this.#crossing.note(batch.length + this.#said.length);
    this.timers.runDue((thrown) => this.reportUncaught("a timer", thrown));
    if (batch !== "") {
      const messages = decodeBatch(batch);
      for (let at = 0; at < messages.length; at += 1) this.#handle(messages[at] as Received);
    }
    if (this.#dispatcher === undefined) this.#describe();
    const said = this.outbox.drain();
    this.#said = said;
    return `${this.#untilNext()}${this.#calls.size > 0 ? "+" : ""};${said}`;
  }

  /** `<milliseconds to the next timer, or ->;<batch>`; what it gives is no longer in the outbox. `again`: with what `receive` gave last. */
  drain(again: boolean): string {
    const said = again ? this.#said : "";
    this.#said = "";
    const more = this.outbox.drain();
    return `${this.#untilNext()};${said}${more}`;
  }

  /** Base64 of the core's randomness, once the boot record has come. */
  get seed(): string | undefined {
    return this.#boot?.seed;
  }

  requireFetch(): void {
    requirePermission(this.#plugin, "fetch");
  }

  reportUncaught(where: string, thrown: unknown): void {
    this.outbox.log("error", `uncaught in ${where}: ${messageOf(thrown)}`, `{"error":${errorJson(thrown)}}`);
  }

  /** Milliseconds until it wants to be entered again; "-": not by itself. */
  #untilNext(): number | "-" {
    return this.outbox.crowded ? 0 : (this.timers.untilNext() ?? "-");
  }

  #handle(message: Received): void {
    switch (message.kind) {
      case "boot":
        this.#takeBoot(message.json);
        return;
      case "lazy-request":
        if (this.#dispatcher === undefined) this.#refuse(message.id);
        else this.#dispatcher.request(message);
        return;
      case "call":
        if (this.#dispatcher === undefined) this.#refuse(message.id);
        else this.#dispatcher.call(message.id, message.call, message.name, message.json);
        return;
      case "reply":
        this.link.settle(message.id, message.json);
        return;
      case "failure":
        this.link.fail(message.id, message.json);
        return;
      case "abort": {
        const call = this.#calls.abandon(message.id);
        if (call === undefined) return;
        call.abort();
        this.link.abandon(call);
        return;
      }
      // For a call that is over by now: nobody wants it.
      case "chunk":
        this.#calls.get(message.id)?.inlet?.push(message.text);
        return;
      case "end":
        this.#calls.get(message.id)?.inlet?.end();
        return;
      case "message": {
        const { text, encoding, last } = message;
        this.#calls.get(message.id)?.socket?.message(text, encoding, last);
        return;
      }
      case "close":
        this.#calls.get(message.id)?.socket?.closed(message.code, message.reason);
        return;
      case "credit":
        this.#calls.get(message.id)?.outlet?.credit(message.units);
        return;
    }
  }

  #refuse(id: number): void {
    this.outbox.add(
      `E${id}\n${errorJson(new XcoreError("PLUGIN_NOT_READY", "the plugin is not loaded yet"))}`,
    );
  }

  #takeBoot(json: string): void {
    if (this.#boot !== undefined) return;
    const boot = jsonParse(json) as BootRecord;
    this.#boot = boot;
    this.#plugin = freeze({
      name: boot.plugin,
      version: boot.version,
      config: deepFreeze(boot.config),
      permissions: new Set(boot.permissions),
      logOf: (call: Call) => makeLog(this.outbox, call.id),
      link: this.link,
      making: boot.tenants === true ? undefined : new Map<string, Promise<unknown>>(),
      payloads: new SafeMap<string, SchemaCheck>(),
    });
  }

  /** Answers the boot record as soon as the plugin's script has run, whichever of the two came first. */
  #describe(): void {
    const holder = globalThis as { __xcore_plugin?: { default?: unknown } };
    if (this.#plugin === undefined || !("__xcore_plugin" in holder)) return;
    try {
      const definition = readDefinition(holder.__xcore_plugin?.default);
      const { payloads } = this.#plugin;
      definition.payloads.forEach((check, name) => payloads.set(name, check));
      const description = jsonStringify(definition.description);
      this.#dispatcher = new Dispatcher(this.#plugin, definition, this.#calls, this.outbox);
      this.outbox.add(`V0\n${description}`);
    } catch (error) {
      this.outbox.add(`E0\n${errorJson(error)}`);
    } finally {
      holder.__xcore_plugin = {};
    }
  }
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return freeze(value);
}
