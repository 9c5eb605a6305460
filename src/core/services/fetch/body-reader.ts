// A body that is pulled: what has come is given when it is asked for, and no more is read ahead than the stream holds.
import type { Readable } from "node:stream";

const minuteMs = 60_000;

export class BodyReader {
  readonly #body: Readable;
  #back: Buffer | undefined;
  #wake: () => void = () => undefined;

  constructor(body: Readable) {
    this.#body = body;
    for (const event of ["readable", "end", "error", "close"]) body.on(event, () => this.#wake());
  }

  /** It comes again with the next look. */
  giveBack(chunk: Buffer): void {
    if (chunk.length > 0) this.#back = chunk;
  }

  /** What has come by now, if anything has; at most what the stream holds. */
  now(): Buffer | undefined {
    const back = this.#back;
    this.#back = undefined;
    if (back !== undefined) return back;
    return (this.#body.read() as Buffer | null) ?? undefined;
  }

  /** It is complete, and all of it was given. */
  get ended(): boolean {
    return this.#body.readableEnded && this.#back === undefined;
  }

  /** The next of it; `undefined` at the end, "later" when nothing comes within `ms`. Rejects with what cut it off. */
  async next(ms: number): Promise<Buffer | "later" | undefined> {
    const late = Promise.withResolvers<void>();
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      late.resolve();
    }, ms);
    try {
      for (;;) {
        const chunk = this.now();
        if (chunk !== undefined) return chunk;
        if (this.ended) return undefined;
        if (this.#body.errored !== null) throw this.#body.errored;
        if (this.#body.destroyed) throw new Error("the connection was closed before the body was complete");
        if (isLate) return "later";
        await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), late.promise]);
      }
    } finally {
      clearTimeout(timer);
    }
  }
  /** All of it. */
  async whole(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (;;) {
      const chunk = await this.next(minuteMs);
      if (chunk === undefined) return Buffer.concat(chunks);
      if (chunk !== "later") chunks.push(chunk);
    }
  }

  /** What is there at once: what is small has mostly come with its head. */
  async come(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let turns = 0; turns < 3 && !this.ended; turns += 1) {
      const chunk = this.now();
      if (chunk !== undefined) chunks.push(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return Buffer.concat(chunks);
  }
}
