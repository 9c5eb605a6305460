// Turns oclif's complaints about a command line into XcoreErrors that name the nearest right word.
import type { Command } from "@oclif/core/command";
import { XcoreError, messageOf } from "../core/base/error.ts";
import { nearest } from "../core/base/nearest.ts";

/** `USAGE` when the parser refused the command line; undefined when `error` is something else. */
export function usageError(error: unknown, command: Command.Class): XcoreError | undefined {
  if (error instanceof XcoreError) return ofOneFlag(error);
  if (!(error instanceof Error)) return undefined;
  if (!("oclif" in error)) return undefined;
  const name = `xcore ${command.id.replaceAll(":", " ")}`;
  const help = `See all it takes with: ${name} --help`;
  if ("flags" in error && Array.isArray(error.flags))
    return unknownFlags(name, error.flags.map(String), command);
  if ("args" in error && Array.isArray(error.args)) return wrongArguments(name, error.args, command);
  const message = messageOf(error)
    .replace(/\n?See more help with --help$/, "")
    .replace(/^The following errors? occurred:\s*/, "");
  const missing = /^Missing required flag (\S+)$/.exec(message)?.[1];
  if (missing !== undefined) return new XcoreError("USAGE", `${name} wants --${missing}`, { hint: help });
  return new XcoreError("USAGE", `${name}: ${message}`, { hint: help });
}

/** Undoes what oclif writes around the message of a flag's own parser. */
function ofOneFlag(error: XcoreError): XcoreError | undefined {
  const message = /^Parsing --\S+ \n\t([^]*)\nSee more help with --help$/.exec(error.message)?.[1];
  if (message === undefined) return undefined;
  const { code, hint, details } = error;
  return new XcoreError(code, message, { details, ...(hint === undefined ? {} : { hint }) });
}

function unknownFlags(name: string, flags: readonly string[], command: Command.Class): XcoreError {
  const known = flagNames(command);
  // One letter is near to every other.
  const meant = flags
    .filter((flag) => flag.startsWith("--"))
    .map((flag) => nearest(flag.split("=", 1)[0] ?? flag, known))
    .filter((found) => found !== undefined);
  const help = `See all it takes with: ${name} --help`;
  return new XcoreError("USAGE", `${name} has no flag ${flags.join(", ")}`, {
    hint: meant.length === 0 ? help : `Did you mean ${meant.join(", ")}? ${help}`,
    details: { unknown: flags, known },
  });
}

/** `args` are the definitions of those that are missing, or the words that are too many. */
function wrongArguments(name: string, args: readonly unknown[], command: Command.Class): XcoreError {
  const missing = args.filter((arg) => typeof arg === "object" && arg !== null && "name" in arg);
  const usage = [name, ...Object.keys(command.args).map((arg) => `<${arg}>`)].join(" ");
  const message =
    missing.length === 0
      ? `${name} can't use the argument ${args.join(", ")}`
      : `${name} wants ${missing.map((arg) => `<${String(arg.name)}>`).join(" and ")}`;
  return new XcoreError("USAGE", message, { hint: `${usage}\nSee all it takes with: ${name} --help` });
}

/** Every spelling a command accepts: `--port`, `-p`, `--no-git`. */
function flagNames(command: Command.Class): string[] {
  const names = ["--json", "--help", "-h"];
  for (const [name, flag] of Object.entries({ ...command.baseFlags, ...command.flags })) {
    names.push(`--${name}`);
    if (flag.char !== undefined) names.push(`-${flag.char}`);
    if (flag.type === "boolean" && flag.allowNo === true) names.push(`--no-${name}`);
  }
  return names;
}

/** `USAGE` for words that are no command, with the nearest one of its topic. `words` are what was typed before any flag. */
export function unknownCommand(words: readonly string[], ids: readonly string[]): XcoreError {
  const commands = ids.map((id) => id.split(":"));
  let depth = 0;
  while (depth < words.length - 1 && commands.some((parts) => startsWith(parts, words.slice(0, depth + 1)))) {
    depth += 1;
  }
  const topic = words.slice(0, depth);
  const wrong = words[depth] ?? "";
  const known = new Set(commands.filter((parts) => startsWith(parts, topic)).map((parts) => parts[depth]));
  const names = [...known].filter((name) => name !== undefined);
  if (names.length === 0) {
    return new XcoreError("USAGE", `xcore ${topic.join(" ")} takes no argument '${wrong}'`, {
      hint: `See all it takes with: xcore ${topic.join(" ")} --help`,
    });
  }
  const found = nearest(wrong, names);
  const said = ["xcore", ...topic].join(" ");
  return new XcoreError("USAGE", `'${[...topic, wrong].join(" ")}' is no command of xcore`, {
    hint:
      found === undefined
        ? `See all of them with: ${said} --help`
        : `Did you mean: ${said} ${found}\nSee all of them with: ${said} --help`,
    details: { known: names.map((name) => [...topic, name].join(" ")) },
  });
}

function startsWith(parts: readonly string[], prefix: readonly string[]): boolean {
  return prefix.every((word, at) => parts[at] === word);
}
