// xcore plugin reload: has the running server load a plugin anew.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class PluginReload extends BaseCommand {
  static override summary = "Have the running server load a plugin anew.";
  static override description =
    "The new revision is opened beside the old one; if it fails, the old one keeps serving.";
  static override examples = ["<%= config.bin %> plugin reload notes"];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginReload);
    using client = await this.connect();
    const status = await client.call("plugin.reload", { name: args.name }, { timeoutMs: 60_000 });
    this.logToStderr(
      `Reloaded ${status.name} ${status.version} (revision ${status.revision}); it is ${status.state}.`,
    );
    return status;
  }
}
