// An error as people read it: what happened, why, and what to do about it.
import { stripVTControlCharacters, styleText } from "node:util";
import { messageOf, type ErrorData, type XcoreError } from "../../core/base/error.ts";

const maxCauses = 3;

/** The text for stderr, with a closing line break. A message may have many lines (a code frame); they stay as they are. */
export function renderError(error: XcoreError): string {
  const [what = "", ...frame] = printable(error.message).split("\n");
  const lines = [`${red("Error:")} ${what} ${dim(`(${error.code})`)}`, ...frame];
  for (const cause of causesOf(error)) lines.push(`${dim("Because:")} ${printable(cause)}`);
  if (error.hint !== undefined) lines.push("", `${bold("Try this:")}`, ...indent(printable(error.hint)));
  else if (error.code === "INTERNAL") lines.push("", ...internal(error));
  return `${lines.join("\n")}\n`;
}

/** One of several faults in a report, without a closing line break: what it is about, what happened, and what to do about it. */
export function renderFault(about: string, { code, message, hint }: ErrorData): string {
  const lines = [`${about}: ${printable(message)} ${dim(`(${code})`)}`];
  return [...lines, ...(hint === undefined ? [] : indent(printable(hint)))].join("\n");
}

function causesOf(error: Error): string[] {
  const causes: string[] = [];
  let told = error.message;
  for (
    let cause = error.cause;
    cause !== undefined && causes.length < maxCauses;
    cause = (cause as Error).cause
  ) {
    const message = messageOf(cause);
    if (!told.includes(message)) causes.push(message);
    told += message;
    if (!(cause instanceof Error)) break;
  }
  return causes;
}

function internal(error: Error): string[] {
  const origin = error.cause instanceof Error ? error.cause : error;
  return [
    "This is a fault of xcore itself; please report it with these lines:",
    dim(origin.stack ?? origin.message),
  ];
}

/** Parts of a message may come from a plugin or a remote server: nothing in it may steer the terminal. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\n\t]/gu, "");
}

function indent(text: string): string[] {
  return text.split("\n").map((line) => `  ${line}`);
}

function red(text: string): string {
  return styleText(["red", "bold"], text, { stream: process.stderr });
}

function bold(text: string): string {
  return styleText("bold", text, { stream: process.stderr });
}

function dim(text: string): string {
  return styleText("dim", text, { stream: process.stderr });
}
