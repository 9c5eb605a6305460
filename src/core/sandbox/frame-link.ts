// One end of the socket between core and host: frames gathered and written at once, reading stopped while the other side does not read.
import type { Socket } from "node:net";
import { encodeFrames, FrameReader, type Frame } from "./frames.ts";

export interface FrameLinkEvents {
  /** All frames that arrived in one chunk. */
  onFrames(frames: Frame[]): void;
  /** What was written has gone out after a time of waiting. */
  onDrain(): void;
  /** Called once; `fault` when the other side sent what is no frame. */
  onClose(fault: Error | undefined): void;
}

export class FrameLink {
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  #waiting: Frame[] = [];
  #blocked = false;
  #closed = false;

  constructor(socket: Socket, events: FrameLinkEvents) {
    this.#socket = socket;
    const close = (fault?: Error): void => {
      if (this.#closed) return;
      this.#closed = true;
      socket.destroy();
      events.onClose(fault);
    };
    socket.on("data", (chunk: Buffer) => {
      if (this.#closed) return;
      let frames: Frame[];
      try {
        frames = this.#reader.push(chunk);
      } catch (error) {
        close(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      if (frames.length > 0) events.onFrames(frames);
    });
    socket.on("drain", () => {
      this.#blocked = false;
      this.flush();
      events.onDrain();
    });
    socket.on("error", () => close());
    socket.on("end", () => close());
    socket.on("close", () => close());
  }

  /** True while the other side is slower than this one: send nothing that can wait. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Queued until `flush`. */
  send(kind: number, sandbox: number, payload: string): void {
    this.#waiting.push({ kind, sandbox, payload });
  }

  /** Everything queued in one write. */
  flush(): void {
    if (this.#waiting.length === 0 || this.#closed) return;
    const bytes = encodeFrames(this.#waiting);
    this.#waiting = [];
    if (!this.#socket.write(bytes)) this.#blocked = true;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }
}
