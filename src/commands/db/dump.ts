// xcore db dump: every row into one file.
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";

export default class DatabaseDump extends BaseCommand {
  static override summary = "Write the data of the application and the plugins into a file.";
  static override description =
    "Rows only, as they are at one moment; tables come back from the migrations. Works beside a running server and needs no pg_dump.";
  static override examples = [
    "<%= config.bin %> db dump",
    "<%= config.bin %> db dump backup.sql.gz",
    "<%= config.bin %> db dump notes.sql --plugin notes",
  ];
  static override args = {
    file: Args.string({
      description: "The file; .gz compresses it. Default: the project's name and the time.",
    }),
  };
  static override flags = {
    plugin: Flags.string({ summary: "Only this plugin's." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DatabaseDump);
    const config = await this.workspaceConfig();
    const { dumpDatabase, openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(config, silentLogger);
    const stamp = new Date().toISOString().replaceAll(/[-:]|\..*$/g, "");
    const file = resolve(args.file ?? `${flags.plugin ?? config.name}-${stamp}.sql.gz`);
    const report = await dumpDatabase({ database: session.database, config, file, plugin: flags.plugin });
    for (const { target, tables, rows } of report.targets)
      this.log(
        `${target}: ${rows} ${rows === 1 ? "row" : "rows"} of ${tables} ${tables === 1 ? "table" : "tables"}`,
      );
    this.logToStderr(`Wrote ${file}\nBring it back with: xcore db restore ${args.file ?? file}`);
    return report;
  }
}
