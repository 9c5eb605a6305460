// xcore db seed: runs the seeds of the application and of the plugins.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";

export default class DatabaseSeed extends BaseCommand {
  static override summary = "Run the seeds: rows to begin with.";
  static override description =
    "Files in seeds/ of the project (SQL, TypeScript) and of each plugin (SQL), by name, each in one transaction. " +
    "Every call runs all of them: write them so that a second run changes nothing.";
  static override examples = ["<%= config.bin %> db seed", "<%= config.bin %> db seed --plugin notes"];
  static override flags = {
    plugin: Flags.string({ summary: "Only this plugin's." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(DatabaseSeed);
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const seeded = await session.seed(flags.plugin);
    for (const { target, files } of seeded) for (const file of files) this.log(`ran ${target}: ${file}`);
    if (seeded.length === 0) this.logToStderr("There are no seeds: put SQL or TypeScript files into seeds/.");
    return { seeded };
  }
}
