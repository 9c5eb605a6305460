// xcore plugin rm: uninstalls a plugin; its data as you say.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { canAsk, openPrompts } from "../../cli/prompts.ts";
import { serverNotice } from "../../cli/server-notice.ts";

export default class PluginRemove extends BaseCommand {
  static override summary = "Uninstall a plugin.";
  static override description =
    "A running server unmounts it at once. Its data stays unless you say otherwise; on a terminal you are asked.";
  static override examples = [
    "<%= config.bin %> plugin rm notes",
    "<%= config.bin %> plugin rm notes --data drop",
  ];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };
  static override flags = {
    data: Flags.option({
      options: ["keep", "drop"] as const,
      summary: "What becomes of its data.",
    })(),
    yes: Flags.boolean({ char: "y", summary: "Don't ask; data is kept." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginRemove);
    const { name } = args;
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { openPluginData, removePlugin, silentLogger } = await import("../../core/index.ts");
    const removed = await removePlugin({
      config,
      name,
      data: flags.data ?? (flags.yes || !canAsk() ? "keep" : () => this.askForData(name, progress)),
      openData: () => openPluginData(config, silentLogger),
      onProgress: progress.show,
      notify: serverNotice(() => this.connect()),
      signal: interrupt.signal,
    });
    progress.clear();
    const data = {
      none: "",
      dropped: " Its data was dropped.",
      kept: ` Its data was kept; to drop it: xcore plugin rm ${name} --data drop`,
    };
    this.logToStderr(
      removed.wasInstalled
        ? `Removed ${name}.${data[removed.data]}`
        : `Dropped the data that ${name} had left.`,
    );
    return removed;
  }

  private async askForData(name: string, progress: Progress): Promise<"keep" | "drop"> {
    progress.clear();
    const prompts = await openPrompts();
    const drop = await prompts.confirm(`${name} has data in the database. Drop it for good?`, false);
    return drop ? "drop" : "keep";
  }
}
