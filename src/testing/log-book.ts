// A logger that keeps what a plugin logged, for a test to look at, and says nothing itself.
import { silentLogger, type Logger } from "../core/base/log.ts";
import type { GuestLog } from "../core/sandbox/sandbox.ts";

export class LogBook {
  readonly entries: GuestLog[] = [];
  readonly logger: Logger;

  constructor() {
    const keep =
      (level: GuestLog["level"]) =>
      (fields: object, message: string): void => {
        // Only the plugin's own lines carry `guest`.
        if ("guest" in fields)
          this.entries.push({ level, message, fields: fields.guest as GuestLog["fields"] });
      };
    this.logger = {
      ...silentLogger,
      debug: keep("debug"),
      info: keep("info"),
      warn: keep("warn"),
      error: keep("error"),
      child: () => this.logger,
    };
  }
}
