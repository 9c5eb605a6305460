// xcore migrate check: for CI. Whether files, database and entities agree; the exit code tells.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { checkLines, cures } from "../../cli/render/migrations.ts";

export default class MigrateCheck extends BaseCommand {
  static override summary = "Check that nothing is pending or changed, and that entities and database agree.";
  static override description =
    "Exit code 1 when something is not as it should be. Changes nothing. In CI: xcore migrate && xcore migrate check";
  static override examples = [
    "<%= config.bin %> migrate check",
    "<%= config.bin %> migrate check --plugin notes --json",
  ];
  static override flags = {
    plugin: Flags.string({ summary: "Only this plugin's." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(MigrateCheck);
    const { openMigrations, silentLogger } = await import("../../core/index.ts");
    await using session = await openMigrations(await this.workspaceConfig(), silentLogger);
    const wanted = flags.plugin === undefined ? session.all : [session.target(flags.plugin)];
    const faults: { target: string; migration: string; state: string }[] = [];
    const drift: string[] = [];
    for (const target of wanted) {
      const wrong = (await target.status()).filter(({ state }) => state !== "applied");
      faults.push(...wrong.map(({ name, state }) => ({ target: target.name, migration: name, state })));
      // What is pending would show up as a difference again.
      if (wrong.length === 0) drift.push(...(await target.drift()));
    }
    const clean = faults.length + drift.length === 0;
    this.log(checkLines({ faults, drift }).join("\n"));
    for (const cure of cures({ faults, drift })) this.logToStderr(cure);
    if (!clean) this.exitWith(1);
    return { clean, faults, drift };
  }
}
