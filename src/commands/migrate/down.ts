// xcore migrate down: undoes the last migration, or all after one.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { planLines, runLines } from "../../cli/render/migrations.ts";

export default class MigrateDown extends BaseCommand {
  static override summary = "Undo the last migration of the application, or of one plugin.";
  static override description =
    "What a migration made is dropped, with the data in it. In mode `auto` the next start applies it again: " +
    "change or remove its file before.";
  static override examples = [
    "<%= config.bin %> migrate down",
    "<%= config.bin %> migrate down --plugin notes --to 0001_create_notes",
    "<%= config.bin %> migrate down --to 0",
  ];
  static override flags = {
    plugin: Flags.string({ summary: "This plugin's instead of the application's." }),
    to: Flags.string({ summary: "Undo all after this one, which stays; 0 undoes all." }),
    "dry-run": Flags.boolean({ summary: "Show the SQL, run nothing." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(MigrateDown);
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const target = session.target(flags.plugin);
    const to = flags.to === undefined ? {} : { to: flags.to };
    if (flags["dry-run"]) {
      const planned = [{ target: target.name, migrations: await target.plan("down", to) }];
      this.log(planLines(planned, "undone").join("\n"));
      return { planned: planned.filter(({ migrations }) => migrations.length > 0) };
    }
    const migrations = await target.down(to);
    const undone = migrations.length === 0 ? [] : [{ target: target.name, migrations }];
    this.log(runLines(undone, "undone").join("\n"));
    return { undone };
  }
}
