// One sandbox as the core holds it: calls go out as records, answers come back by id, the first reason of its end stays.
import type { GuestCallKind, GuestDescription, GuestRequest, GuestResponse } from "../../wire/guest-calls.ts";
import type { Json } from "../../wire/json.ts";
import { decodeGuestMessage, encodeCoreMessage, type GuestMessage } from "../../wire/messages.ts";
import { maxRecordLength } from "../../wire/protocol.ts";
import { XcoreError } from "../base/error.ts";
import { maxCalls, maxQueuedLength } from "./bounds.ts";
import { badHeaders, breachReason, floodReason } from "./breach-reasons.ts";
import { guestFailure } from "./guest-failure.ts";
import { idleCpuReason } from "./end-reasons.ts";
import { Exchanges } from "./exchanges.ts";
import { parseGuestJson } from "./guest-json.ts";
import { guestError } from "./guest-text.ts";
import { HostCallDesk } from "./host-call-desk.ts";
import { IdleCpu } from "./idle-cpu.ts";
import { Inbox } from "./inbox.ts";
import { InspectionPort } from "./inspection-port.ts";
import { LogGate } from "./log-gate.ts";
import { Opening } from "./opening.ts";
import { busy, newCall, PendingCalls, type NewCall } from "./pending-calls.ts";
import type {
  CallOptions,
  EndingOf,
  PluginResponse,
  RequestOptions,
  Sandbox,
  SandboxOptions,
  SandboxStats,
} from "./sandbox.ts";
import { StackMapper } from "./stack.ts";

/** What a sandbox needs of the host it lives in. */
export interface Line {
  readonly hostPid: number;
  /** UTF-16 units of its records that the host has not been given yet. */
  queued(): number;
  send(record: string): void;
  /** A call is overdue: make sure that the host still answers. */
  suspect(): void;
  /** A debugger's message; empty: it has gone. */
  inspect(message: string): void;
  /** It is over: have the isolate disposed of. */
  leave(): void;
}

export class RemoteSandbox implements Sandbox {
  readonly options: SandboxOptions;
  readonly inspection: InspectionPort | undefined;
  readonly #opening = new Opening();
  readonly #line: Line;
  readonly #calls: PendingCalls;
  readonly #desk: HostCallDesk;
  readonly #exchanges: Exchanges;
  readonly #mapper: StackMapper;
  #reason: XcoreError | undefined;
  #usedBytes = 0;
  #cpuMs = 0;
  /** Records so far. */
  #sent = 0;
  readonly #inbox: Inbox;
  readonly #logs: LogGate;
  readonly #idleCpu: IdleCpu;

  constructor(options: SandboxOptions, line: Line) {
    this.options = options;
    this.#line = line;
    this.inspection = options.inspect === true ? new InspectionPort((text) => line.inspect(text)) : undefined;
    this.#mapper = new StackMapper(options.sourceMap);
    this.#logs = new LogGate((entry) => options.onLog(entry));
    this.#idleCpu = new IdleCpu(options.limits.cpuMs);
    this.#inbox = new Inbox({
      take: (record) => this.#receive(decodeGuestMessage(record)),
      onBreach: (message) => this.#breach(message),
      onOverflow: (length) => this.end(floodReason(options.label, length)),
    });
    this.#calls = new PendingCalls({
      label: options.label,
      onAbandon: (id, overdue) => {
        this.#exchanges.forget(id);
        this.#desk.abandon(id, overdue);
        this.#send(encodeCoreMessage({ kind: "abort", id }));
        if (overdue) line.suspect();
      },
    });
    this.#desk = new HostCallDesk({
      label: options.label,
      onHostCall: options.onHostCall,
      send: (record) => this.#send(record),
      queued: () => line.queued(),
      timeoutMs: options.limits.timeoutMs,
      callerOf: (id) => this.#calls.get(id) ?? this.#exchanges.callerOf(id),
    });
    this.#exchanges = new Exchanges({
      label: options.label,
      limits: options.limits,
      calls: this.#calls,
      send: (record) => this.#send(record),
      onDropped: (id) => this.#desk.abandon(id, false),
    });
  }

  /** Settled by the guest's answer to its boot record. */
  get opened(): Promise<GuestDescription> {
    return this.#opening.done;
  }

  get description(): GuestDescription {
    const { description } = this.#opening;
    if (description === undefined) throw new Error("the sandbox is not open yet");
    return description;
  }

  /** Why it ended, if it did. */
  get reason(): XcoreError | undefined {
    return this.#reason;
  }

  get busy(): boolean {
    return this.#opening.isPending || this.#calls.size > 0 || this.#exchanges.moving;
  }

  request(request: GuestRequest, options: RequestOptions): Promise<PluginResponse> {
    const what = (): string => `${request.method} ${request.url.slice(0, 200)}`;
    const { body, upgrade } = options;
    const isPlain = body === undefined && upgrade !== true;
    const timeoutMs = Math.ceil(options.timeoutMs);
    const begun = isPlain ? undefined : (id: number) => this.#exchanges.attach(id, { body, upgrade });
    return this.#start(
      newCall("request", what, options),
      (id) => encodeCoreMessage({ kind: "request", id, timeoutMs, request }),
      begun,
    );
  }

  call(kind: GuestCallKind, name: string, payload: Json, options: CallOptions): Promise<Json> {
    const what = (): string =>
      kind === "start" || kind === "stop" ? `its ${kind}` : `the ${kind} '${name.slice(0, 200)}'`;
    const json = JSON.stringify(payload) ?? "null";
    const timeoutMs = Math.ceil(options.timeoutMs);
    return this.#start(newCall("call", what, options), (id) =>
      encodeCoreMessage({ kind: "call", id, timeoutMs, call: kind, name, json }),
    );
  }

  stats(): SandboxStats {
    return {
      heapBytes: this.#usedBytes,
      heapLimitBytes: this.options.limits.memoryBytes,
      cpuMs: this.#cpuMs,
      hostPid: this.#line.hostPid,
      lateReplies: this.#calls.late,
      isolates: 1,
    };
  }

  noteStats(usedBytes: number, cpuMs: number): void {
    this.#usedBytes = usedBytes;
    this.#cpuMs = cpuMs;
    if (this.busy) this.#idleCpu.noteCall();
    const observedMs = this.#idleCpu.note(cpuMs);
    if (observedMs === undefined) return;
    this.end(idleCpuReason(this.options, { observedMs, capMs: this.#idleCpu.burstMs }));
  }

  async close(): Promise<void> {
    if (this.#reason !== undefined) return;
    const message = `plugin '${this.options.label}': its sandbox was closed`;
    this.#finish(new XcoreError("PLUGIN_NOT_READY", message));
    this.#line.leave();
  }

  /**
   * Ends it with this reason, unless it has ended before. The isolate is disposed of. `unbegun`: when its host is killed, how many
   * of the records that were sent last the host had not begun with; calls under way wait for it.
   */
  end(reason: XcoreError, unbegun?: Promise<number>): void {
    if (this.#reason !== undefined) return;
    const wasOpen = this.#opening.description !== undefined;
    this.#finish(reason, unbegun);
    this.#line.leave();
    if (wasOpen) this.options.onEnd(reason);
  }

  /** What the isolate said. */
  receive(batch: string): void {
    this.#inbox.receive(batch);
  }

  endStreams(why: EndingOf): void {
    this.#exchanges.endLasting(why);
  }

  #start<T>(call: NewCall, encode: (id: number) => string, onSent?: (id: number) => void): Promise<T> {
    if (this.#reason !== undefined) return Promise.reject(this.#reason);
    if (call.signal?.aborted === true) {
      return Promise.reject(
        new XcoreError("CALL_CANCELLED", `plugin '${this.options.label}': ${call.what()} was cancelled`),
      );
    }
    const overload = this.#overload();
    if (overload !== undefined) return Promise.reject(overload);
    this.#idleCpu.noteCall();
    const { id, answer } = this.#calls.add<T>(call, this.#sent + 1);
    const record = encode(id);
    if (record.length > maxRecordLength) {
      this.#calls.take(id)?.reject(
        new XcoreError("PAYLOAD_TOO_LARGE", `plugin '${this.options.label}': ${call.what()} is too large`, {
          details: { cap: maxRecordLength, observed: record.length },
        }),
      );
      return answer;
    }
    this.#send(record);
    onSent?.(id);
    return answer;
  }

  #send(record: string): void {
    if (this.#reason !== undefined) return;
    this.#sent += 1;
    this.#line.send(record);
  }

  #overload(): XcoreError | undefined {
    const { label } = this.options;
    const calls = this.#calls.size + this.#exchanges.size;
    if (calls >= maxCalls) return busy(label, { what: "calls", observed: calls, cap: maxCalls });
    const queued = this.#line.queued();
    if (queued <= maxQueuedLength) return undefined;
    return busy(label, { what: "characters", observed: queued, cap: maxQueuedLength });
  }

  #receive(message: GuestMessage): void {
    switch (message.kind) {
      case "response":
        if (message.response.headers.length % 2 === 0) {
          this.#answer(message.id, "request", message.response);
        } else this.#calls.take(message.id)?.reject(badHeaders(this.options.label));
        this.#exchanges.close(message.id);
        this.#desk.over(message.id);
        return;
      case "value":
        if (message.id === 0) this.#describe(message.json);
        else this.#takeValue(message.id, message.json);
        if (message.id !== 0) this.#desk.over(message.id);
        return;
      case "error":
        this.#fail(message.id, message.json);
        this.#desk.over(message.id);
        return;
      case "host-call":
        if (!this.#desk.take(message)) this.#breach(`host call ${message.id} was made twice`);
        return;
      case "cancel":
        this.#desk.cancel(message.id);
        return;
      case "log":
        if (!this.#logs.pass(message, this.#calls.get(message.call)?.origin))
          this.#breach("a log entry that is none");
        return;
      default: {
        const fault = this.#exchanges.take(message);
        if (fault !== undefined) this.#breach(fault);
        else if (message.kind === "end" || message.kind === "close") this.#desk.over(message.id);
      }
    }
  }

  #answer(id: number, kind: NewCall["kind"], value: Json | GuestResponse): void {
    const call = this.#calls.take(id);
    if (call === undefined) {
      if (this.#exchanges.has(id)) this.#breach(`call ${id} was answered twice`);
    } else if (call.kind !== kind) this.#breach(`call ${id} was answered in the wrong form`);
    else call.resolve(value);
  }

  #takeValue(id: number, json: string): void {
    let value: Json;
    try {
      value = parseGuestJson(json);
    } catch (error) {
      if (!(error instanceof XcoreError)) throw error;
      this.#calls.take(id)?.reject(error);
      return;
    }
    this.#answer(id, "call", value);
  }

  #fail(id: number, json: string): void {
    const error = guestError(json);
    if (error === undefined) {
      this.#breach("an error that is none");
      return;
    }
    const opening = id === 0 && this.#opening.isPending;
    const { redact = (text: string) => text } = this.options;
    const { name, message, stack } = error;
    const told = { ...error, name: redact(name), message: redact(message) };
    const failure = guestFailure(stack === undefined ? told : { ...told, stack: redact(stack) }, {
      label: this.options.label,
      mapper: this.#mapper,
      fallback: opening ? "PLUGIN_START" : "PLUGIN_ERROR",
    });
    if (opening) this.end(failure);
    else if (!this.#exchanges.fail(id, failure)) this.#calls.take(id)?.reject(failure);
  }

  #describe(json: string): void {
    const fault = this.#opening.describe(json);
    if (fault !== undefined) this.#breach(fault);
  }

  #breach(what: string): void {
    this.end(breachReason(this.options.label, what));
  }

  #finish(reason: XcoreError, unbegun?: Promise<number>): void {
    this.#reason = reason;
    this.#opening.fail(reason);
    if (unbegun === undefined) this.#calls.rejectAll(reason);
    else void unbegun.then((count) => this.#calls.rejectAll(reason, this.#sent - count));
    this.#desk.abandonAll();
    this.#exchanges.failAll(reason);
    this.inspection?.end();
    this.#inbox.close();
    this.#logs.close();
  }
}
