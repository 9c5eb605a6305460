// The calls under way in this isolate: requests, actions, jobs, events, start and stop.
import type { GuestCallKind } from "../wire/guest-calls.ts";
import type { BodyEncoding } from "../wire/host-calls.ts";
import { SafeMap } from "./primordials.ts";
import { AbortController, type AbortSignal } from "./web/abort.ts";
import { DOMException } from "./web/dom-exception.ts";

/** Its response's body, while that goes out. */
export interface CallOutlet {
  credit(units: number): void;
  cancel(reason: unknown): void;
}

/** Its request's body, while that comes in. */
export interface CallInlet {
  push(text: string): void;
  end(): void;
  close(reason: unknown): void;
}

/** What its request has become, when that is a socket. */
export interface CallSocket extends CallOutlet {
  message(text: string, encoding: BodyEncoding, last: boolean): void;
  closed(code: number, reason: string): void;
}

/** One call. Its signal is only made when somebody asks for it. */
export class Call {
  readonly id: number;
  readonly kind: "request" | GuestCallKind;
  state: "open" | "aborted" | "answered" = "open";
  outlet: CallOutlet | undefined;
  inlet: CallInlet | undefined;
  socket: CallSocket | undefined;
  #isGone = false;
  #controller: AbortController | undefined;

  constructor(id: number, kind: "request" | GuestCallKind) {
    this.id = id;
    this.kind = kind;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.state === "aborted" || this.#isGone) this.#controller.abort(reason());
    }
    return this.#controller.signal;
  }

  /** Its client has gone, but what it does of itself may go on. */
  finish(): void {
    this.state = "answered";
    this.#isGone = true;
    this.#controller?.abort(reason());
  }

  abort(): void {
    this.state = "aborted";
    const why =
      this.#controller === undefined && this.outlet === undefined && this.inlet === undefined
        ? undefined
        : reason();
    this.outlet?.cancel(why);
    this.inlet?.close(why);
    this.#controller?.abort(why);
  }
}

export class Calls {
  readonly #open = new SafeMap<number, Call>();

  get size(): number {
    return this.#open.size;
  }

  open(id: number, kind: Call["kind"]): Call {
    const call = new Call(id, kind);
    this.#open.set(id, call);
    return call;
  }

  /** Whether the call was still waited for; it is not afterwards. */
  close(call: Call): boolean {
    if (call.state === "open") call.state = "answered";
    call.inlet?.close(new DOMException("the request has been answered", "AbortError"));
    return this.#open.delete(call.id);
  }

  get(id: number): Call | undefined {
    return this.#open.get(id);
  }

  /** Takes the call that nobody waits for any more out of the table. */
  abandon(id: number): Call | undefined {
    const call = this.#open.get(id);
    if (call !== undefined) this.#open.delete(id);
    return call;
  }
}

function reason(): DOMException {
  return new DOMException("the caller has gone or the deadline has passed", "AbortError");
}
