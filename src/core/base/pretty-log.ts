// One line of the log as people read it: what happened first, its fields behind it, a fault's further lines framed below.
import { styleText } from "node:util";

/** A line of the log, as it is written where machines read. */
export type LogLine = Readonly<Record<string, unknown>>;

const ofTheLine = new Set(["level", "time", "msg", "hint", "stack", "err"]);
const ofRequests = new Set(["method", "url", "status", "ms", "plugin"]);

/** What stands behind time and level. Control characters of whoever wrote it never reach the terminal. */
export function prettyLine(line: LogLine, { colour }: { colour: boolean }): string {
  const [head = "", ...below] = textOf(line).split("\n").map(printable);
  const isRequest = line["msg"] === "request";
  const fields = Object.entries(line)
    .filter(([name]) => !ofTheLine.has(name) && !(isRequest && ofRequests.has(name)))
    .map(
      ([name, value]) => `${name}=${printable(typeof value === "string" ? value : JSON.stringify(value))}`,
    );
  const tail = fields.length === 0 ? "" : `  ${dim(fields.join(" "), colour)}`;
  return [`${head}${tail}`, ...below.map((text) => `  │ ${text}`)].join("\n");
}

function textOf(line: LogLine): string {
  const { msg, hint, stack, err } = line;
  if (msg === "request") {
    return ["method", "url", "status"].map((name) => String(line[name])).join(" ") + requestTail(line);
  }
  const thrown = (err as { stack?: unknown } | undefined)?.stack;
  return [msg, hint, stack, thrown].filter((part) => typeof part === "string" && part !== "").join("\n");
}

function requestTail({ ms, plugin }: LogLine): string {
  return ` in ${String(ms)} ms${typeof plugin === "string" ? ` by ${plugin}` : ""}`;
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (character) => JSON.stringify(character).slice(1, -1));
}

function dim(text: string, colour: boolean): string {
  return colour ? styleText("dim", text, { validateStream: false }) : text;
}
