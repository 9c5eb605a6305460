// Frames between core and sandbox host: [u32 payload bytes][u8 kind][u32 sandbox id][payload in UTF-8], little endian.
import { maxFrameBytes } from "./bounds.ts";

export const frameKinds = {
  /** Core to host, first of all: JSON of a Hello. */
  hello: 1,
  /** Core to host: JSON of an OpenOrder; the answer is the guest's own first record. */
  open: 2,
  /** Core to host: a batch for the isolate. */
  deliver: 3,
  /** Core to host: dispose of the isolate. */
  close: 4,
  /** Core to host: answered by `pong` with the same payload, from a live event loop. */
  ping: 5,
  /** Core to host: a debugger's message for the isolate; empty: the debugger has gone. */
  inspect: 6,
  /** Host to core, answer to `hello`: JSON of a Ready. */
  ready: 16,
  /** Host to core: a batch from the isolate. */
  outbox: 17,
  /** Host to core: the isolate is gone; JSON of an Ending. */
  ended: 18,
  /** Host to core: JSON of StatsLine[]. */
  stats: 19,
  pong: 20,
  /** Host to core: a message for the debugger. */
  inspected: 21,
} as const;

export interface Hello {
  protocol: number;
  /** The guest runtime's script. */
  runtime: string;
  /** What the runtime runs only where it is needed: texts by name, shared by all isolates of the host. */
  parts: Readonly<Record<string, string>>;
}

export interface Ready {
  protocol: number;
}

export interface OpenOrder {
  label: string;
  code: string;
  memoryMb: number;
  /** Wall time of one stretch after which V8 stops it. */
  sliceMs: number;
  /** The same for the runtime and the plugin's top level. */
  bootMs: number;
  /** A debugger may be connected; the isolate must be alone in its host. */
  inspect?: boolean;
  /** The `boot` record. */
  boot: string;
}

export interface Ending {
  kind: "cpu" | "memory" | "output" | "fault";
  message: string;
  /** ms for `cpu`, bytes for `memory`, UTF-16 units for `output`. */
  observed: number;
  /** For `cpu`: how much of that time a processor worked on it. */
  cpuMs?: number;
}

/** Sandbox id, bytes in use, bytes taken from the system, CPU time in ms. */
export type StatsLine = readonly [sandbox: number, usedBytes: number, totalBytes: number, cpuMs: number];

export interface Frame {
  kind: number;
  /** 0: the host itself. */
  sandbox: number;
  payload: string;
}

const headBytes = 9;

/** All frames in one buffer. */
export function encodeFrames(frames: readonly Frame[]): Buffer {
  const sizes = frames.map((frame) => Buffer.byteLength(frame.payload));
  const buffer = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + headBytes + size, 0));
  let at = 0;
  for (const [index, frame] of frames.entries()) {
    const size = sizes[index] ?? 0;
    buffer.writeUInt32LE(size, at);
    buffer.writeUInt8(frame.kind, at + 4);
    buffer.writeUInt32LE(frame.sandbox, at + 5);
    buffer.write(frame.payload, at + headBytes, "utf8");
    at += headBytes + size;
  }
  return buffer;
}

/** Cuts a byte stream into frames. */
export class FrameReader {
  #held: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = 0;

  /** The frames that are complete with this chunk. Throws a `RangeError` on a frame over the size limit. */
  push(chunk: Buffer): Frame[] {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#neededBytes) return [];
    const bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held);
    const frames: Frame[] = [];
    let at = 0;
    this.#neededBytes = headBytes;
    while (bytes.length - at >= headBytes) {
      const size = bytes.readUInt32LE(at);
      if (size > maxFrameBytes) throw new RangeError(`a frame of ${size} bytes; at most ${maxFrameBytes}`);
      this.#neededBytes = headBytes + size;
      if (bytes.length - at < this.#neededBytes) break;
      const start = at + headBytes;
      frames.push({
        kind: bytes.readUInt8(at + 4),
        sandbox: bytes.readUInt32LE(at + 5),
        payload: bytes.toString("utf8", start, start + size),
      });
      at = start + size;
      this.#neededBytes = headBytes;
    }
    this.#held = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#heldBytes = bytes.length - at;
    return frames;
  }
}
