// The core's end of a host's progress file: which isolate the host is in right now, readable while the host is stuck.
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ProgressReading {
  /** Raised with every new stretch. */
  turn: number;
  /** The sandbox that is being executed; 0: none. */
  sandbox: number;
  /** Deliver frames it has begun with, modulo 2^32; undefined where that can't be known. */
  frames: number | undefined;
}

export class ProgressSlot {
  /** Given to the host as its descriptor 4. */
  readonly descriptor: number | undefined;
  readonly #bytes = Buffer.alloc(12);
  #closed = false;

  constructor() {
    // In memory where that can be had: there no later write can find the disk full.
    this.descriptor = openIn("/dev/shm") ?? openIn(tmpdir());
  }

  read(): ProgressReading {
    if (this.descriptor === undefined || this.#closed) return { turn: 0, sandbox: 0, frames: undefined };
    const read = readSync(this.descriptor, this.#bytes, 0, 12, 0);
    if (read < 12) return { turn: 0, sandbox: 0, frames: undefined };
    return {
      turn: this.#bytes.readUInt32LE(0),
      sandbox: this.#bytes.readUInt32LE(4),
      frames: this.#bytes.readUInt32LE(8),
    };
  }

  close(): void {
    if (this.descriptor === undefined || this.#closed) return;
    this.#closed = true;
    closeSync(this.descriptor);
  }
}

/** A file that is deleted already; undefined on a machine where none can be had: there culprits in shared hosts stay unknown. */
function openIn(folder: string): number | undefined {
  const path = join(folder, `xcore-progress-${randomBytes(8).toString("hex")}`);
  try {
    const descriptor = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    writeSync(descriptor, Buffer.alloc(12));
    return descriptor;
  } catch {
    return undefined;
  }
}
