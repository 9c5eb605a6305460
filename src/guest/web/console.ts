// console: each line becomes a log record of the plugin.
import { format, inspect } from "./inspect.ts";

type Level = "debug" | "info" | "warn" | "error";

export function makeConsole(write: (level: Level, message: string) => void, now: () => number): object {
  const counts = new Map<string, number>();
  const timers = new Map<string, number>();
  const line =
    (level: Level) =>
    (...values: unknown[]): void =>
      write(level, format(values));
  return {
    debug: line("debug"),
    log: line("info"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
    trace: (...values: unknown[]) => write("debug", `${format(values)}\n${new Error("trace").stack ?? ""}`),
    dir: (value: unknown) => write("info", inspect(value)),
    table: (value: unknown) => write("info", inspect(value)),
    group: line("info"),
    groupCollapsed: line("info"),
    groupEnd: () => undefined,
    assert: (condition: unknown, ...values: unknown[]) => {
      if (!condition) write("error", `Assertion failed: ${format(values)}`);
    },
    count: (label = "default") => {
      const count = (counts.get(label) ?? 0) + 1;
      counts.set(label, count);
      write("info", `${label}: ${count}`);
    },
    countReset: (label = "default") => void counts.delete(label),
    time: (label = "default") => void timers.set(label, now()),
    timeLog: (label = "default", ...values: unknown[]) => {
      write("info", `${label}: ${now() - (timers.get(label) ?? now())} ms ${format(values)}`.trimEnd());
    },
    timeEnd: (label = "default") => {
      write("info", `${label}: ${now() - (timers.get(label) ?? now())} ms`);
      timers.delete(label);
    },
  };
}
