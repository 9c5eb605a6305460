// The body of a request that is still coming out of a plugin: taken as long as there is room for it.
import { Readable } from "node:stream";

const roomBytes = 64 * 1024;

export class Upload {
  /** What is sent. */
  readonly body: Readable;
  #wake: () => void = () => undefined;

  constructor() {
    this.body = new Readable({
      highWaterMark: roomBytes,
      read: () => this.#wake(),
      destroy: (error, done) => {
        this.#wake();
        done(error);
      },
    });
    // Whoever sends it says why it failed.
    this.body.on("error", () => undefined);
  }

  /** `later`: no room within `ms`. `over`: nobody takes more. */
  async write(bytes: Buffer, ms: number): Promise<"taken" | "later" | "over"> {
    if (this.#isFull) await this.#room(ms);
    if (this.body.destroyed || this.body.readableEnded) return "over";
    if (this.#isFull) return "later";
    this.body.push(bytes);
    return "taken";
  }

  end(): "taken" {
    if (!this.body.destroyed) this.body.push(null);
    return "taken";
  }

  get #isFull(): boolean {
    return this.body.readableLength >= roomBytes && !this.body.destroyed;
  }

  async #room(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, ms);
    await promise;
    clearTimeout(timer);
  }
}
