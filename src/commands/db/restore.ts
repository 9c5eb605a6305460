// xcore db restore: the data of a dump in place of what is there.
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { confirmDataLoss } from "../../cli/data-loss.ts";

export default class DatabaseRestore extends BaseCommand {
  static override summary = "Bring back what xcore db dump has written.";
  static override description =
    "Replaces the data of everything that is in the dump: tables by the migrations of that time, then the rows, then later migrations. " +
    "The server must not run.";
  static override examples = ["<%= config.bin %> db restore backup.sql.gz --yes"];
  static override args = { file: Args.string({ description: "The dump.", required: true }) };
  static override flags = { yes: Flags.boolean({ char: "y", summary: "Don't ask." }) };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(DatabaseRestore);
    const config = await this.workspaceConfig();
    await confirmDataLoss({
      command: "xcore db restore",
      question: `Replace the data of ${config.name} with that of ${args.file}?`,
      yes: flags.yes,
      connect: () => this.connect(),
    });
    const { openMigrations, restoreDatabase, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(config, silentLogger);
    const report = await restoreDatabase(session, { config, file: resolve(args.file) });
    this.log(`Restored ${report.targets.join(", ")}: ${report.rows} rows of ${report.tables} tables`);
    return report;
  }
}
