// The core's end of a host's progress file: which isolate the host is in right now, readable while the host is stuck.
import { randomBytes } from "node:crypto";
import { closeSync, openSync, readSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ProgressReading {
  /** Raised with every new stretch. */
  turn: number;
  /** The sandbox that is being executed; 0: none. */
  sandbox: number;
}

export class ProgressSlot {
  /** Given to the host as its descriptor 4. */
  readonly descriptor: number | undefined;
  readonly #bytes = Buffer.alloc(8);
  #closed = false;

  constructor() {
    const path = join(tmpdir(), `xcore-progress-${randomBytes(8).toString("hex")}`);
    try {
      this.descriptor = openSync(path, "wx+", 0o600);
      unlinkSync(path);
    } catch {
      // A machine without a writable temporary folder: culprits in shared hosts stay unknown.
      this.descriptor = undefined;
    }
  }

  read(): ProgressReading {
    if (this.descriptor === undefined || this.#closed) return { turn: 0, sandbox: 0 };
    const read = readSync(this.descriptor, this.#bytes, 0, 8, 0);
    if (read < 8) return { turn: 0, sandbox: 0 };
    return { turn: this.#bytes.readUInt32LE(0), sandbox: this.#bytes.readUInt32LE(4) };
  }

  close(): void {
    if (this.descriptor === undefined || this.#closed) return;
    this.#closed = true;
    closeSync(this.descriptor);
  }
}
