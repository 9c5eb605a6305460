// xcore db psql: a terminal on the database, as the core's user or as one plugin's.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { runPsql } from "../../cli/psql.ts";

export default class DatabasePsql extends BaseCommand {
  static override summary = "Open psql on the project's database.";
  static override description =
    "Needs the program psql. What follows -- goes to it. Without --plugin it is the core's own user, who may do everything.";
  static override examples = [
    "<%= config.bin %> db psql",
    '<%= config.bin %> db psql --plugin notes -- -c "select * from notes"',
  ];
  static override flags = {
    plugin: Flags.string({ summary: "As this plugin's role, in its schema." }),
  };

  async run(): Promise<object> {
    const dashes = this.argv.indexOf("--");
    const end = dashes === -1 ? this.argv.length : dashes;
    const passed = this.argv.slice(end + 1);
    const { flags } = await this.parse(DatabasePsql, this.argv.slice(0, end));
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const connection =
      flags.plugin === undefined
        ? session.database.connection
        : await session.database.connectionOf(session.target(flags.plugin).name);
    const exit = await runPsql(connection, passed);
    this.exitWith(exit);
    return { exit };
  }
}
