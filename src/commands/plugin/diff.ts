// xcore plugin diff: what an update of a plugin would bring.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { diffLines } from "../../cli/render/updates.ts";

export default class PluginDiffCommand extends BaseCommand {
  static override summary = "Show what an update of a plugin would bring.";
  static override description =
    "Commits, files, permissions, migrations, and what would break for plugins that need it. Changes nothing.";
  static override examples = [
    "<%= config.bin %> plugin diff notes",
    "<%= config.bin %> plugin diff notes v2.0.0",
  ];
  static override args = {
    name: Args.string({ description: "The plugin's name.", required: true }),
    to: Args.string({ description: "A tag, branch, commit, version or range; by default what is newest." }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginDiffCommand);
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { diffPlugin, readMigrations } = await import("../../core/index.ts");
    const diff = await diffPlugin({
      config,
      name: args.name,
      ...(args.to === undefined ? {} : { to: args.to }),
      readMigrations,
      onProgress: progress.show,
      signal: interrupt.signal,
    });
    progress.clear();
    this.log(diff === undefined ? `There is nothing newer of ${args.name}.` : diffLines(diff).join("\n"));
    return { name: args.name, diff: diff ?? null };
  }
}
