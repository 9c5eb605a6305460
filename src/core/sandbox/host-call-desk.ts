// Host calls of one sandbox: counted, parsed, handed to whoever grants them, answered by id.
import { maxRecordLength } from "../../wire/protocol.ts";
import type { GuestMessage } from "../../wire/messages.ts";
import { encodeCoreMessage } from "../../wire/messages.ts";
import type { Json } from "../../wire/json.ts";
import { XcoreError } from "../base/error.ts";
import { maxHostCalls, maxQueuedLength } from "./bounds.ts";
import { parseGuestJson } from "./guest-json.ts";
import type { CallOrigin } from "../base/origin.ts";
import type { HostCall } from "./sandbox.ts";

export interface HostCallDeskOptions {
  label: string;
  onHostCall(call: HostCall): Promise<Json>;
  send(record: string): void;
  /** UTF-16 units that wait for a host that does not read. */
  queued(): number;
  /** Time that a host call on nobody's behalf has. */
  timeoutMs: number;
  /** The call on whose behalf it is made, due in performance.now() time; undefined: it is not under way. */
  callerOf(call: number): { readonly deadline: number; readonly origin: CallOrigin | undefined } | undefined;
}

type HostCallRecord = Extract<GuestMessage, { kind: "host-call" }>;

export class HostCallDesk {
  readonly #options: HostCallDeskOptions;
  readonly #open = new Map<number, OpenHostCall>();
  /** What host calls have left open, by the call on whose behalf they were made. */
  readonly #left = new Map<number, Set<() => void>>();
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: HostCallDeskOptions) {
    this.#options = options;
  }

  /** False when the guest uses an id that is still in use: a breach of protocol. */
  take(record: HostCallRecord): boolean {
    if (this.#open.has(record.id)) return false;
    this.#handle(record);
    return true;
  }

  cancel(id: number): void {
    const open = this.#open.get(id);
    if (open !== undefined) this.#abort(open, "the guest cancelled it");
  }

  /** The call on whose behalf they were made is over: what they left open ends. */
  over(call: number): void {
    const ends = this.#left.get(call);
    if (ends === undefined) return;
    this.#left.delete(call);
    for (const end of ends) end();
  }

  /** The call on whose behalf they were made is no longer waited for; `overdue`: since its time is over. */
  abandon(call: number, overdue: boolean): void {
    this.over(call);
    for (const open of this.#open.values()) {
      if (open.call !== call) continue;
      if (overdue) this.#abort(open, "the time of its caller is over", "PLUGIN_TIMEOUT");
      else this.#abort(open, "the caller no longer waits");
    }
  }

  abandonAll(): void {
    for (const open of this.#open.values()) open.abort(aborted(open, "the sandbox ended"));
    this.#open.clear();
    clearTimeout(this.#sweeper);
    for (const call of this.#left.keys()) this.over(call);
  }

  #leave(call: number, end: () => void): () => void {
    if (call !== 0 && this.#options.callerOf(call) === undefined) {
      end();
      return () => undefined;
    }
    const ends = this.#left.get(call) ?? new Set();
    this.#left.set(call, ends);
    ends.add(end);
    return () => {
      if (ends.delete(end) && ends.size === 0 && this.#left.get(call) === ends) this.#left.delete(call);
    };
  }

  #handle(record: HostCallRecord): void {
    if (this.#open.size >= maxHostCalls) {
      const error = new XcoreError(
        "QUOTA_EXCEEDED",
        `plugin '${this.#options.label}': ${maxHostCalls} host calls are under way already`,
        { hint: "Await some before starting more.", details: { cap: maxHostCalls } },
      );
      this.#fail(record.id, error);
      return;
    }
    const caller = this.#options.callerOf(record.call);
    const now = performance.now();
    const timeoutMs =
      caller === undefined ? this.#options.timeoutMs : Math.max(1, Math.round(caller.deadline - now));
    const open = new OpenHostCall(record, {
      timeoutMs,
      // The caller's own deadline ends it with the caller's reason; this one only when that did not happen.
      deadline: now + timeoutMs + (caller === undefined ? 0 : callerFirstMs),
      origin: caller === undefined ? undefined : (caller.origin ?? plainOrigin),
      leave: (end) => this.#leave(record.call, end),
    });
    this.#open.set(record.id, open);
    this.#sweeper ??= setTimeout(() => this.#sweep(), sweepMs);
    try {
      open.args = parseArgs(record);
      this.#options.onHostCall(open).then(
        (value) => this.#answer(open, value),
        (error: unknown) => this.#refuse(open, error),
      );
    } catch (error) {
      this.#refuse(open, error);
    }
  }

  #answer(open: OpenHostCall, value: Json): void {
    const { id, name } = open;
    if (this.#open.get(id) !== open) return;
    let json: string;
    try {
      json = JSON.stringify(value) ?? "null";
    } catch (error) {
      this.#refuse(open, error);
      return;
    }
    this.#open.delete(id);
    if (json.length > maxRecordLength - 100) this.#fail(id, tooLarge(name, json.length));
    else if (this.#options.queued() + json.length > maxQueuedLength) this.#fail(id, unread(name));
    else this.#options.send(encodeCoreMessage({ kind: "reply", id, json }));
  }

  /** Nothing happens when it has been answered, or was ended before: its id may be another call's by now. */
  #refuse(open: OpenHostCall, error: unknown): void {
    if (this.#open.get(open.id) !== open) return;
    this.#open.delete(open.id);
    this.#fail(open.id, error);
  }

  #abort(open: OpenHostCall, why: string, code?: AbortCode): void {
    const reason = aborted(open, why, code);
    open.abort(reason);
    this.#refuse(open, reason);
  }

  #sweep(): void {
    const now = performance.now();
    for (const open of this.#open.values()) {
      if (open.deadline <= now) this.#abort(open, "its time is over", "PLUGIN_TIMEOUT");
    }
    this.#sweeper = this.#open.size === 0 ? undefined : setTimeout(() => this.#sweep(), sweepMs);
  }

  // Code and message only: stacks and causes of the core stay in the core.
  #fail(id: number, error: unknown): void {
    const known = error instanceof XcoreError;
    const json = JSON.stringify({
      code: known ? error.code : "INTERNAL",
      message: known ? error.message : "the host call failed",
    });
    this.#options.send(encodeCoreMessage({ kind: "failure", id, json }));
  }
}

const callerFirstMs = 50;
/** Deadlines are looked at this often: a timer for each call would cost more than the call. */
const sweepMs = 10;
const plainOrigin: CallOrigin = {};

interface OpenOptions {
  timeoutMs: number;
  deadline: number;
  origin: CallOrigin | undefined;
  leave(end: () => void): () => void;
}

/** The signal is made only for those who ask for it: most host calls are over before anybody could. */
class OpenHostCall implements HostCall {
  readonly id: number;
  readonly name: string;
  readonly call: number;
  readonly timeoutMs: number;
  /** When it must be over, in performance.now() time. */
  readonly deadline: number;
  readonly origin: CallOrigin | undefined;
  readonly over: (end: () => void) => () => void;
  args: unknown;
  #controller: AbortController | undefined;
  #reason: XcoreError | undefined;

  constructor({ id, name, call }: HostCallRecord, { timeoutMs, deadline, origin, leave }: OpenOptions) {
    this.id = id;
    this.name = name;
    this.call = call;
    this.timeoutMs = timeoutMs;
    this.deadline = deadline;
    this.origin = origin;
    this.over = leave;
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  abort(reason: XcoreError): void {
    this.#reason ??= reason;
    this.#controller?.abort(this.#reason);
  }
}

type AbortCode = "CALL_CANCELLED" | "PLUGIN_TIMEOUT";

function aborted({ name }: OpenHostCall, why: string, code: AbortCode = "CALL_CANCELLED"): XcoreError {
  return new XcoreError(code, `the host call '${name}' was ended: ${why}`);
}

function parseArgs(record: HostCallRecord): unknown {
  try {
    return parseGuestJson(record.json);
  } catch (error) {
    if (error instanceof XcoreError) throw error;
    throw new XcoreError("INPUT_INVALID", `the arguments of the host call '${record.name}' are not JSON`);
  }
}

function tooLarge(name: string, length: number): XcoreError {
  return new XcoreError(
    "QUOTA_EXCEEDED",
    `the answer to the host call '${name}' has ${length} characters; at most ${maxRecordLength} fit`,
    { hint: "Ask for less at once.", details: { cap: maxRecordLength, observed: length } },
  );
}

function unread(name: string): XcoreError {
  return new XcoreError(
    "QUOTA_EXCEEDED",
    `the answer to the host call '${name}' found ${maxQueuedLength} characters waiting to be read`,
    { hint: "Ask for less at once.", details: { cap: maxQueuedLength } },
  );
}
