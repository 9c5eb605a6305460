// The logger's shape and how one is made. Everything below the CLI takes a Logger as a parameter.
import { pino } from "pino";

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Logger;
}

export interface LogOptions {
  level: "debug" | "info" | "warn" | "error" | "silent";
  /** `pretty` for people, `json` for machines, `auto` decides by whether stdout is a terminal. */
  format: "auto" | "pretty" | "json";
}

/** JSON lines with ISO times on stdout, or pretty lines on a terminal. */
export async function createLogger(options: LogOptions): Promise<Logger> {
  const settings = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ["token", "password", "secret", "authorization", "*.token", "*.password", "*.secret"],
    formatters: { level: (label: string) => ({ level: label }) },
  };
  const pretty = options.format === "pretty" || (options.format === "auto" && process.stdout.isTTY === true);
  if (!pretty) return asLogger(pino(settings, pino.destination({ fd: 1, sync: false })));
  const { PinoPretty } = await import("pino-pretty");
  const { prettyLine } = await import("./pretty-log.ts");
  const colour = process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "";
  const stream = PinoPretty({
    colorize: colour,
    translateTime: "HH:MM:ss.l",
    hideObject: true,
    messageFormat: (line) => prettyLine(line, { colour }),
    sync: true,
  });
  return asLogger(pino(settings, stream));
}

// pino's own type carries an index signature that makes it look like a thenable.
function asLogger(logger: unknown): Logger {
  return logger as Logger;
}

/** A logger that says nothing; for tests and one-shot commands. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
