// xcore migrate, xcore migrate up: applies what is pending.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { runLines } from "../../cli/render/migrations.ts";

export default class MigrateUp extends BaseCommand {
  static override summary = "Apply pending migrations: the application's, then each plugin's.";
  static override description =
    "Each migration is one transaction: one that fails leaves nothing of itself, those before it stay. " +
    "Works with and without a running server; of two runs at once, one waits.";
  static override examples = ["<%= config.bin %> migrate", "<%= config.bin %> migrate --plugin notes"];
  static override flags = {
    plugin: Flags.string({ summary: "Only this plugin's." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(MigrateUp);
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const applied: { target: string; migrations: string[] }[] = [];
    for (const target of flags.plugin === undefined ? session.all : [session.target(flags.plugin)]) {
      const migrations = await target.up();
      if (migrations.length > 0) applied.push({ target: target.name, migrations });
    }
    this.log(runLines(applied, "applied").join("\n"));
    return { applied };
  }
}
