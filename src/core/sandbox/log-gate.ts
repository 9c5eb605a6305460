// Log lines of one sandbox on their way to the server's log: so many a second, so much text a second, and a count of the rest.
import type { CallOrigin } from "../base/origin.ts";
import { maxLogLengthPerSecond, maxLogsPerSecond } from "./bounds.ts";
import { guestLog } from "./guest-text.ts";
import type { GuestLog } from "./sandbox.ts";

export class LogGate {
  readonly #onLog: (entry: GuestLog) => void;
  #since = 0;
  #lines = 0;
  #length = 0;
  #dropped = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(onLog: (entry: GuestLog) => void) {
    this.#onLog = onLog;
  }

  /** False when the record is no log entry. A line over the quota is dropped and counted. */
  pass({ level, json }: { level: GuestLog["level"]; json: string }, origin?: CallOrigin): boolean {
    const now = performance.now();
    if (now - this.#since > 1000) {
      this.#since = now;
      this.#lines = 0;
      this.#length = 0;
    }
    this.#lines += 1;
    this.#length += json.length;
    if (this.#lines > maxLogsPerSecond || this.#length > maxLogLengthPerSecond) {
      this.#dropped += 1;
      this.#timer ??= setTimeout(() => this.#tell(), 1000).unref();
      return true;
    }
    const entry = guestLog(level, json);
    if (entry === undefined) return false;
    this.#onLog(origin === undefined ? entry : { ...entry, origin });
    return true;
  }

  /** Tells what was dropped since the last time; the sandbox has ended. */
  close(): void {
    clearTimeout(this.#timer);
    if (this.#dropped > 0) this.#tell();
  }

  #tell(): void {
    this.#timer = undefined;
    const message = `${this.#dropped} log lines were dropped: ${maxLogsPerSecond} a second are kept`;
    this.#onLog({ level: "warn", message, fields: { dropped: this.#dropped } });
    this.#dropped = 0;
  }
}
