// xcore migrate status: what is applied, what is pending, what was changed since.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { cures, migrationLines } from "../../cli/render/migrations.ts";

export default class MigrateStatus extends BaseCommand {
  static override summary = "List migrations: applied, pending, changed since, or missing.";
  static override examples = [
    "<%= config.bin %> migrate status",
    "<%= config.bin %> migrate status --plugin notes --json",
  ];
  static override flags = {
    plugin: Flags.string({ summary: "Only this plugin's." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(MigrateStatus);
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const wanted = flags.plugin === undefined ? session.all : [session.target(flags.plugin)];
    const targets = await Promise.all(
      wanted.map(async (target) => ({ target: target.name, migrations: await target.status() })),
    );
    this.log(migrationLines(targets, process.stdout).join("\n"));
    const faults = targets.flatMap(({ target, migrations }) =>
      migrations.map(({ name, state }) => ({ target, migration: name, state })),
    );
    for (const cure of cures({ faults, drift: [] })) this.logToStderr(cure);
    return { targets };
  }
}
