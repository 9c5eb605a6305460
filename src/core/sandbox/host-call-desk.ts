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

  constructor(options: HostCallDeskOptions) {
    this.#options = options;
  }

  /** False when the guest uses an id that is still in use: a breach of protocol. */
  take(record: HostCallRecord): boolean {
    if (this.#open.has(record.id)) return false;
    void this.#handle(record);
    return true;
  }

  cancel(id: number): void {
    this.#open.get(id)?.abort("the guest cancelled it");
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
      if (overdue) open.abort("the time of its caller is over", "PLUGIN_TIMEOUT");
      else open.abort("the caller no longer waits");
    }
  }

  abandonAll(): void {
    for (const open of this.#open.values()) open.abort("the sandbox ended");
    this.#open.clear();
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

  async #handle(record: HostCallRecord): Promise<void> {
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
    const due = caller?.deadline;
    const timeoutMs =
      due === undefined ? this.#options.timeoutMs : Math.max(1, Math.round(due - performance.now()));
    // The caller's own deadline ends it with the caller's reason; this one only when that did not happen.
    const open = new OpenHostCall(record, {
      timeoutMs,
      graceMs: due === undefined ? 0 : callerFirstMs,
      origin: caller === undefined ? undefined : (caller.origin ?? plainOrigin),
      leave: (end) => this.#leave(record.call, end),
    });
    this.#open.set(record.id, open);
    try {
      open.args = parseArgs(record);
      const json =
        JSON.stringify(await Promise.race([this.#options.onHostCall(open), open.overdue])) ?? "null";
      if (json.length > maxRecordLength - 100) throw tooLarge(record.name, json.length);
      if (this.#options.queued() + json.length > maxQueuedLength) throw unread(record.name);
      if (this.#open.delete(record.id)) {
        this.#options.send(encodeCoreMessage({ kind: "reply", id: record.id, json }));
      }
    } catch (error) {
      if (this.#open.delete(record.id)) this.#fail(record.id, error);
    } finally {
      open.settled();
    }
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
const plainOrigin: CallOrigin = {};

interface OpenOptions {
  timeoutMs: number;
  graceMs: number;
  origin: CallOrigin | undefined;
  leave(end: () => void): () => void;
}

/** The signal is made only for those who ask for it: most host calls are over before anybody could. */
class OpenHostCall implements HostCall {
  readonly name: string;
  readonly call: number;
  readonly timeoutMs: number;
  readonly origin: CallOrigin | undefined;
  readonly overdue: Promise<never>;
  readonly over: (end: () => void) => () => void;
  args: unknown;
  #controller: AbortController | undefined;
  #reason: XcoreError | undefined;
  #refuse: (error: XcoreError) => void;
  readonly #timer: NodeJS.Timeout;

  constructor({ name, call }: HostCallRecord, { timeoutMs, graceMs, origin, leave }: OpenOptions) {
    this.name = name;
    this.call = call;
    this.timeoutMs = timeoutMs;
    this.origin = origin;
    this.over = leave;
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.overdue = promise;
    this.#refuse = reject;
    this.#timer = setTimeout(() => this.abort("its time is over", "PLUGIN_TIMEOUT"), timeoutMs + graceMs);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    return this.#controller.signal;
  }

  abort(why: string, code: "CALL_CANCELLED" | "PLUGIN_TIMEOUT" = "CALL_CANCELLED"): void {
    clearTimeout(this.#timer);
    this.#reason ??= new XcoreError(code, `the host call '${this.name}' was ended: ${why}`);
    this.#controller?.abort(this.#reason);
    this.#refuse(this.#reason);
  }

  settled(): void {
    clearTimeout(this.#timer);
  }
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
