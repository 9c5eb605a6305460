// xcore db reset: an empty database with all migrations applied.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { confirmDataLoss } from "../../cli/data-loss.ts";

export default class DatabaseReset extends BaseCommand {
  static override summary = "Throw all data away and run the migrations anew.";
  static override description =
    "The application's tables, every plugin's, also those of plugins that were uninstalled, and the jobs. The server must not run.";
  static override examples = [
    "<%= config.bin %> db reset --yes --seed",
    "<%= config.bin %> db reset --plugin notes",
  ];
  static override flags = {
    plugin: Flags.string({ summary: "Only this plugin's." }),
    seed: Flags.boolean({ summary: "Then run the seeds." }),
    yes: Flags.boolean({ char: "y", summary: "Don't ask." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(DatabaseReset);
    const config = await this.workspaceConfig();
    const whose =
      flags.plugin === undefined ? `all data of ${config.name}` : `all data of plugin ${flags.plugin}`;
    await confirmDataLoss({
      command: "xcore db reset",
      question: `Throw ${whose} away for good?`,
      yes: flags.yes,
      connect: () => this.connect(),
    });
    const { openMigrations, resetDatabase, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(config, silentLogger);
    const reset = await resetDatabase(session, { config, plugin: flags.plugin });
    const seeded = flags.seed ? await session.seed(flags.plugin) : [];
    this.log(`Emptied ${reset.join(", ")}`);
    for (const { target, files } of seeded) for (const file of files) this.log(`ran ${target}: ${file}`);
    return { reset, seeded };
  }
}
