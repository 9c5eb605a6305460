// Where a debugger is connected to a sandbox: one and no other, gone when the sandbox is.
import type { Inspection, InspectionEvents, InspectionSession } from "./sandbox.ts";

export class InspectionPort implements Inspection {
  readonly #send: (message: string) => void;
  #debugging: InspectionEvents | undefined;
  #used = false;
  #ended = false;

  /** `send`: to the isolate; an empty message says that the debugger has gone. */
  constructor(send: (message: string) => void) {
    this.#send = send;
  }

  attach(debugging: InspectionEvents): InspectionSession | undefined {
    if (this.#used || this.#ended) return undefined;
    this.#used = true;
    this.#debugging = debugging;
    return {
      send: (message) => {
        if (this.#debugging === debugging && message !== "") this.#send(message);
      },
      detach: () => {
        if (this.#debugging !== debugging) return;
        this.#debugging = undefined;
        if (!this.#ended) this.#send("");
      },
    };
  }

  /** What the isolate has to say to the debugger. */
  receive(message: string): void {
    this.#debugging?.onMessage(message);
  }

  end(): void {
    this.#ended = true;
    const debugging = this.#debugging;
    this.#debugging = undefined;
    debugging?.onEnd();
  }
}
