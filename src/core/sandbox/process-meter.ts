// Memory and CPU time of another process as Linux tells them under /proc; elsewhere both stay unknown.
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const pageBytes = 4096;
const tickMs = 10;

export class ProcessMeter {
  readonly #pid: number;
  readonly #bytes = Buffer.alloc(128);
  #statm: number | undefined;

  constructor(pid: number) {
    this.#pid = pid;
    try {
      this.#statm = openSync(`/proc/${pid}/statm`, "r");
    } catch {
      this.#statm = undefined;
    }
  }

  /** Resident bytes. */
  rssBytes(): number | undefined {
    if (this.#statm === undefined) return undefined;
    try {
      const length = readSync(this.#statm, this.#bytes, 0, this.#bytes.length, 0);
      const pages = Number(this.#bytes.toString("latin1", 0, length).split(" ")[1]);
      return Number.isFinite(pages) ? pages * pageBytes : undefined;
    } catch {
      return undefined;
    }
  }

  /** CPU time of all threads, in steps of 10 ms. */
  cpuMs(): number | undefined {
    try {
      const text = readFileSync(`/proc/${this.#pid}/stat`, "latin1");
      // The second field is the program's name in brackets and may hold spaces.
      const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const ticks = Number(fields[11]) + Number(fields[12]);
      return Number.isFinite(ticks) ? ticks * tickMs : undefined;
    } catch {
      return undefined;
    }
  }

  close(): void {
    if (this.#statm !== undefined) closeSync(this.#statm);
    this.#statm = undefined;
  }
}
