// What oclif must know of every command before any is loaded: written to dist/ by the build, made on the spot in development.
import type { Command } from "@oclif/core/command";

/** How to load each command, by id (`plugin:add`). */
export type CommandTable = Readonly<Record<string, () => Promise<{ default: Command.Class }>>>;

export interface Manifest {
  version: string;
  commands: Record<string, Command.Cached>;
}

/** Loads every command and describes it as data. */
export async function createManifest(table: CommandTable, version: string): Promise<Manifest> {
  const entries = await Promise.all(
    Object.entries(table).map(async ([id, load]) => [id, describe(id, (await load()).default)] as const),
  );
  return { version, commands: Object.fromEntries(entries) };
}

/** The manifest's commands with the way to load each. */
export function loadable(manifest: Manifest, table: CommandTable): Command.Loadable[] {
  return Object.values(manifest.commands).map((command) => ({
    ...command,
    load: async () => {
      const entry = table[command.id];
      if (entry === undefined) throw new Error(`the manifest knows '${command.id}', the table does not`);
      const { default: Class } = await entry();
      Class.id = command.id;
      return Class;
    },
  }));
}

function describe(id: string, Class: Command.Class): Command.Cached {
  const flags = { ...Class.flags, ...Class.baseFlags, ...(Class.enableJsonFlag ? { json: jsonFlag } : {}) };
  return {
    id,
    aliases: [],
    hiddenAliases: [],
    hidden: Class.hidden,
    strict: Class.strict,
    summary: Class.summary,
    description: Class.description,
    examples: Class.examples,
    usage: Class.usage,
    args: named(Class.args),
    flags: named(flags),
  } as Command.Cached;
}

const jsonFlag = {
  type: "boolean",
  description: "Print one JSON document and nothing else.",
  helpGroup: "GLOBAL",
  allowNo: false,
};

/** Each flag or argument with its own name, and without what JSON can't hold. */
function named(entries: Readonly<Record<string, object>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(entries).map(([name, entry]) => [
      name,
      { ...(JSON.parse(JSON.stringify(entry)) as object), name },
    ]),
  );
}
