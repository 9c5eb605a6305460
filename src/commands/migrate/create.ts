// xcore migrate create: a new migration file, from the difference between entities and database, or empty.
import { relative } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";

export default class MigrateCreate extends BaseCommand {
  static override summary = "Write a new migration: from what entities and database differ in, or empty.";
  static override description = "A plugin's is an empty SQL file with an up and a down part.";
  static override examples = [
    "<%= config.bin %> migrate create add_users",
    "<%= config.bin %> migrate create backfill --empty",
    "<%= config.bin %> migrate create add_tags --plugin notes",
  ];
  static override args = {
    name: Args.string({ description: "A few words for the file's name." }),
  };
  static override flags = {
    plugin: Flags.string({ summary: "For this plugin instead of the application." }),
    empty: Flags.boolean({ summary: "Do not compare, write an empty one." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(MigrateCreate);
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const { file, statements } = await session.create(flags.plugin, { name: args.name, empty: flags.empty });
    if (file === undefined) {
      this.log("Nothing to write: entities and database are the same.");
      return { file: null, statements };
    }
    this.log(`Wrote ${relative(process.cwd(), file)}`);
    for (const statement of statements) this.log(`  ${statement}`);
    const what = statements.length > 0 ? "Read it over" : "Fill it in";
    this.logToStderr(
      `${what}, then apply it with: xcore migrate${flags.plugin === undefined ? "" : ` --plugin ${flags.plugin}`}`,
    );
    return { file, statements };
  }
}
