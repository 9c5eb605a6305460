// A sandbox on its way to being open: settled by the guest's one description of itself, or by the sandbox's end.
import type { GuestDescription } from "../../wire/guest-calls.ts";
import type { XcoreError } from "../base/error.ts";
import { checkDescription } from "./description.ts";
import { parseGuestJson } from "./guest-json.ts";

export class Opening {
  readonly done: Promise<GuestDescription>;
  #settle: { resolve(description: GuestDescription): void; reject(reason: XcoreError): void } | undefined;
  #description: GuestDescription | undefined;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<GuestDescription>();
    promise.catch(() => undefined);
    this.done = promise;
    this.#settle = { resolve, reject };
  }

  get isPending(): boolean {
    return this.#settle !== undefined;
  }

  /** Undefined unless the guest has described itself. */
  get description(): GuestDescription | undefined {
    return this.#description;
  }

  /** Takes what the guest says it is. The sentence that says what is wrong with it, if anything is. */
  describe(json: string): string | undefined {
    if (this.#settle === undefined) return "it described itself twice";
    const checked = checkDescription(parseGuestJson(json));
    if (typeof checked === "string") return checked;
    this.#description = checked;
    this.#settle.resolve(checked);
    this.#settle = undefined;
    return undefined;
  }

  fail(reason: XcoreError): void {
    this.#settle?.reject(reason);
    this.#settle = undefined;
  }
}
