// Questions on a terminal. Elsewhere nothing is ever asked: what is missing is named as flags.
import { cancelled } from "./interrupt.ts";
import { XcoreError } from "../core/base/error.ts";

export interface TextQuestion {
  message: string;
  initial?: string;
  /** Why an answer can't be; undefined when it can. */
  fault?(answer: string): string | undefined;
}

export interface Prompts {
  text(question: TextQuestion): Promise<string>;
  confirm(message: string, initial: boolean): Promise<boolean>;
}

/** Whether somebody is there to be asked. */
export function canAsk(): boolean {
  return process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/** Questions are written to stderr; an answer of Ctrl-C or Escape throws `CANCELLED`. */
export async function openPrompts(): Promise<Prompts> {
  const clack = await import("@clack/prompts");
  const answered = <T>(answer: T | symbol): T => {
    if (clack.isCancel(answer)) throw cancelled();
    return answer as T;
  };
  return {
    text: async ({ message, initial, fault }) =>
      answered<string>(
        await clack.text({
          message,
          output: process.stderr,
          ...(initial === undefined ? {} : { initialValue: initial, placeholder: initial }),
          validate: (answer) => fault?.(answer ?? ""),
        }),
      ),
    confirm: async (message, initial) =>
      answered<boolean>(await clack.confirm({ message, initialValue: initial, output: process.stderr })),
  };
}

/** `USAGE` naming every flag that would have been asked for. */
export function missingFlags(command: string, missing: readonly string[], example: string): XcoreError {
  return new XcoreError(
    "USAGE",
    `${command} asks on a terminal only, and this is none; missing: ${missing.join(", ")}`,
    {
      hint: `Give them, or take the defaults with --yes: ${example}`,
      details: { missing },
    },
  );
}
