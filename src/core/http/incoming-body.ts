// A request's body that is handed on while it comes: as fast as it is read, never beyond its cap.
import type { IncomingMessage } from "node:http";
import type { XcoreError } from "../base/error.ts";
import type { BodySource, BodyTarget } from "../plugins/exchange.ts";

export interface IncomingBodyOptions {
  maxBytes: number;
  /** What has been read already. */
  begun: readonly Buffer[];
  tooLarge(): XcoreError;
}

export class IncomingBody implements BodySource {
  readonly #request: IncomingMessage;
  readonly #options: IncomingBodyOptions;
  #bytes = 0;
  #target: BodyTarget | undefined;
  #onFault: (fault: XcoreError) => void = () => undefined;

  constructor(request: IncomingMessage, options: IncomingBodyOptions) {
    this.#request = request;
    this.#options = options;
  }

  /** Hears once when it turns out to be too large. */
  onFault(listener: (fault: XcoreError) => void): void {
    this.#onFault = listener;
  }

  open(into: BodyTarget): void {
    this.#target = into;
    this.#request.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#request.once("end", () => this.#target?.end());
    for (const chunk of this.#options.begun) this.#take(chunk);
  }

  pause(): void {
    this.#request.pause();
  }

  resume(): void {
    if (this.#request.isPaused()) this.#request.resume();
  }

  /** The rest is still read, or the connection could not be used again; beyond the cap it is cut. */
  close(): void {
    this.#target = undefined;
    this.#request.resume();
  }

  #take(chunk: Buffer): void {
    const was = this.#bytes;
    this.#bytes += chunk.length;
    const { maxBytes, tooLarge } = this.#options;
    if (this.#bytes <= maxBytes) this.#target?.push(chunk.toString("latin1"));
    else if (was > maxBytes) return;
    else if (this.#target === undefined) this.#request.destroy();
    else this.#onFault(tooLarge());
  }
}
