// xcore migrate, xcore migrate up: applies what is pending.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { planLines, runLines } from "../../cli/render/migrations.ts";

export default class MigrateUp extends BaseCommand {
  static override summary = "Apply pending migrations: the application's, then each plugin's.";
  static override description =
    "Each migration is one transaction: one that fails leaves nothing of itself, those before it stay. " +
    "Works with and without a running server; of two runs at once, one waits.";
  static override examples = [
    "<%= config.bin %> migrate",
    "<%= config.bin %> migrate --plugin notes",
    "<%= config.bin %> migrate --dry-run",
  ];
  static override flags = {
    plugin: Flags.string({ summary: "Only this plugin's." }),
    "dry-run": Flags.boolean({ summary: "Show the SQL, run nothing." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(MigrateUp);
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const targets = flags.plugin === undefined ? session.all : [session.target(flags.plugin)];
    if (flags["dry-run"]) {
      const planned = await Promise.all(
        targets.map(async (target) => ({ target: target.name, migrations: await target.plan("up") })),
      );
      this.log(planLines(planned, "applied").join("\n"));
      return { planned: planned.filter(({ migrations }) => migrations.length > 0) };
    }
    const applied: { target: string; migrations: string[] }[] = [];
    for (const target of targets) {
      const migrations = await target.up();
      if (migrations.length > 0) applied.push({ target: target.name, migrations });
    }
    this.log(runLines(applied, "applied").join("\n"));
    return { applied };
  }
}
