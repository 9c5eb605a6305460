// Host calls: what this isolate asks of the core, each on behalf of the call it belongs to.
import type { HostCallName, HostCalls } from "../wire/host-calls.ts";
import { errorFromJson, XcoreError } from "./errors.ts";
import type { Call } from "./calls.ts";
import type { Outbox } from "./outbox.ts";
import { jsonParse, jsonStringify, NativePromise, SafeMap } from "./primordials.ts";

interface Pending {
  owner: Call | undefined;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

export interface HostCallOptions {
  /** The call on whose behalf it is made; undefined: the plugin's own. */
  owner: Call | undefined;
  /** Hears how to give it up: the core is told, and the promise rejects with the reason given. */
  onStart?: ((giveUp: (reason: unknown) => void) => void) | undefined;
}

export class HostLink {
  readonly #outbox: Outbox;
  readonly #pending = new SafeMap<number, Pending>();
  #lastId = 0;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** Rejects with the core's error, or with `CALL_CANCELLED` when the call it belongs to is no longer waited for. */
  call<Name extends HostCallName>(
    name: Name,
    args: HostCalls[Name]["args"],
    options: HostCallOptions,
  ): Promise<HostCalls[Name]["reply"]> {
    return new NativePromise((resolve, reject) => {
      const { owner } = options;
      if (owner?.state === "aborted") throw cancelled(name);
      const id = (this.#lastId += 1);
      // A call that has been answered has no deadline any more; what it left running is the plugin's own.
      const onBehalfOf = owner?.state === "open" ? owner.id : 0;
      const record = `H${id} ${onBehalfOf} ${name}\n${jsonStringify(args) ?? "null"}`;
      if (!this.#outbox.hasRoom(record.length)) throw tooMuch(name, record.length);
      this.#pending.set(id, { owner, resolve: resolve as (value: unknown) => void, reject });
      this.#outbox.add(record);
      options.onStart?.((reason) => {
        if (!this.#pending.delete(id)) return;
        this.#outbox.add(`X${id}\n`);
        reject(reason);
      });
    });
  }

  settle(id: number, json: string): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    try {
      pending.resolve(jsonParse(json));
    } catch (error) {
      pending.reject(error);
    }
  }

  fail(id: number, json: string): void {
    const pending = this.#take(id);
    if (pending === undefined) return;
    try {
      pending.reject(errorFromJson(json));
    } catch (error) {
      pending.reject(error);
    }
  }

  /** Ends the waiting of a call that nobody waits for any more; the core ends the work itself. */
  abandon(owner: Call): void {
    this.#pending.forEach((pending, id) => {
      if (pending.owner !== owner) return;
      this.#pending.delete(id);
      pending.reject(cancelled("host call"));
    });
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending !== undefined) this.#pending.delete(id);
    return pending;
  }
}

function cancelled(what: string): XcoreError {
  return new XcoreError(
    "CALL_CANCELLED",
    `${what}: the call it belongs to is over; its caller has gone or its deadline has passed`,
  );
}

function tooMuch(name: string, length: number): XcoreError {
  return new XcoreError(
    "QUOTA_EXCEEDED",
    `${name}: its arguments (${length} characters) do not fit beside what is already on its way out`,
    { hint: "Send less at once, or await earlier calls first." },
  );
}
