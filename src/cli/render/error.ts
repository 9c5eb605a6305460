// An error as people read it: what happened, why, and what to do about it.
import { styleText } from "node:util";
import { messageOf, type XcoreError } from "../../core/base/error.ts";

const maxCauses = 3;

/** The text for stderr, with a closing line break. A message may have many lines (a code frame); they stay as they are. */
export function renderError(error: XcoreError): string {
  const [what = "", ...frame] = error.message.split("\n");
  const lines = [`${red("Error:")} ${what} ${dim(`(${error.code})`)}`, ...frame];
  for (const cause of causesOf(error)) lines.push(`${dim("Because:")} ${cause}`);
  if (error.hint !== undefined) lines.push("", `${bold("Try this:")}`, ...indent(error.hint));
  else if (error.code === "INTERNAL") lines.push("", ...internal(error));
  return `${lines.join("\n")}\n`;
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
