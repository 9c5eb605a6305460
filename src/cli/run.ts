// Runs the command line through oclif: commands are known from the manifest and loaded when they are called.
import type { PJSON, Plugin } from "@oclif/core/interfaces";
import { run } from "@oclif/core/run";
import { XcoreError, asXcoreError, messageOf } from "../core/base/error.ts";
import { packageRoot } from "../core/base/package-root.ts";
import { errorDocument } from "./document.ts";
import { loadable, type CommandTable, type Manifest } from "./manifest.ts";
import { readPackage } from "./package.ts";
import { renderError } from "./render/error.ts";
import { unknownCommand } from "./usage.ts";

export interface CommandLine {
  argv: readonly string[];
  commands: CommandTable;
  manifest: Manifest;
}

/** Resolves when the command has ended; the exit code is in `process.exitCode`. Never rejects. */
export async function runCommandLine({ argv, commands, manifest }: CommandLine): Promise<void> {
  const words = normalize(argv);
  const pjson = readPackage();
  const plugin = rootPlugin(pjson, manifest, commands);
  try {
    await run(words, { root: packageRoot, pjson, plugins: new Map([[plugin.name, plugin]]) });
  } catch (thrown) {
    const error = asUnknownCommand(thrown, words, Object.keys(commands)) ?? asXcoreError(thrown);
    process.exitCode = error.exit;
    if (words.includes("--json")) {
      process.stdout.write(`${JSON.stringify(errorDocument(error), null, 2)}\n`);
    } else {
      process.stderr.write(renderError(error));
    }
  }
}

/** `help plugin add` is `plugin add --help`; `--no-color` is NO_COLOR for this run. */
function normalize(argv: readonly string[]): string[] {
  const end = argv.includes("--") ? argv.indexOf("--") : argv.length;
  const words = argv.filter((word, at) => word !== "--no-color" || at > end);
  if (words.length < argv.length) process.env["NO_COLOR"] = "1";
  return words[0] === "help" ? [...words.slice(1), "--help"] : words;
}

function asUnknownCommand(
  error: unknown,
  words: readonly string[],
  ids: readonly string[],
): XcoreError | undefined {
  if (error instanceof XcoreError || !/^command .* not found\.?$/is.test(messageOf(error))) return undefined;
  const end = words.findIndex((word) => word.startsWith("-"));
  if (end === 0) {
    return new XcoreError("USAGE", `xcore without a command has no flag ${words[0]}`, {
      hint: "It takes --help and --version; flags of a command stand behind it.",
    });
  }
  return unknownCommand(end === -1 ? words : words.slice(0, end), ids);
}

/** What oclif's own loader would make of this package, without looking at the disk for it. */
function rootPlugin(pjson: PJSON, manifest: Manifest, commands: CommandTable): Plugin {
  return {
    _base: pjson.name,
    alias: pjson.name,
    commandIDs: Object.keys(manifest.commands),
    commands: loadable(manifest, commands),
    commandsDir: undefined,
    findCommand: (async (id: string) => (await commands[id]?.())?.default) as Plugin["findCommand"],
    hasManifest: true,
    hooks: {},
    isRoot: true,
    load: () => Promise.resolve(),
    moduleType: "module",
    name: pjson.name,
    options: { root: packageRoot },
    pjson,
    root: packageRoot,
    topics: Object.entries(pjson.oclif.topics ?? {}).map(([name, topic]) => ({ ...topic, name })),
    type: "core",
    valid: true,
    version: pjson.version,
  };
}
