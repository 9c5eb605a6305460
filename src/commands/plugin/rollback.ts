// xcore plugin rollback: takes a plugin back to what ran before its last update.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { serverNotice } from "../../cli/server-notice.ts";
import { breakFlag } from "../../cli/update-flags.ts";

export default class PluginRollback extends BaseCommand {
  static override summary = "Take a plugin back to the revision before its last update.";
  static override description =
    "A running server switches without losing a request. Refused while its schema has migrations that the earlier revision does not know.";
  static override examples = [
    "<%= config.bin %> plugin rollback notes",
    "<%= config.bin %> plugin rollback notes --undo-migrations",
  ];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };
  static override flags = {
    "undo-migrations": Flags.boolean({
      summary: "Undo the migrations that the earlier revision does not know, with what they hold.",
    }),
    "break-dependants": breakFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginRollback);
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { openPluginSchemas, readMigrations, rollbackPlugin, silentLogger } =
      await import("../../core/index.ts");
    const done = await rollbackPlugin({
      config,
      name: args.name,
      undoMigrations: flags["undo-migrations"],
      breakDependants: flags["break-dependants"],
      readMigrations,
      openSchemas: () => openPluginSchemas(config, silentLogger),
      onProgress: progress.show,
      notify: serverNotice(() => this.connect()),
      signal: interrupt.signal,
    });
    progress.clear();
    const undone = done.undone.length === 0 ? "" : ` Undone: ${done.undone.join(", ")}.`;
    this.logToStderr(`Rolled back ${done.name} ${done.from} -> ${done.to}.${undone}`);
    return done;
  }
}
