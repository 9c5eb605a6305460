// The calls under way in this isolate: requests, actions, jobs, events, start and stop.
import type { GuestCallKind } from "../wire/guest-calls.ts";
import { SafeMap } from "./primordials.ts";
import { AbortController, type AbortSignal } from "./web/abort.ts";
import { DOMException } from "./web/dom-exception.ts";

/** One call. Its signal is only made when somebody asks for it. */
export class Call {
  readonly id: number;
  readonly kind: "request" | GuestCallKind;
  state: "open" | "aborted" | "answered" = "open";
  #controller: AbortController | undefined;

  constructor(id: number, kind: "request" | GuestCallKind) {
    this.id = id;
    this.kind = kind;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.state === "aborted") this.#controller.abort(reason());
    }
    return this.#controller.signal;
  }

  abort(): void {
    this.state = "aborted";
    this.#controller?.abort(reason());
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
    return this.#open.delete(call.id);
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
