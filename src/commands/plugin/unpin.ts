// xcore plugin unpin: lets a pinned plugin be updated again.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class PluginUnpin extends BaseCommand {
  static override summary = "Let a pinned plugin be updated again.";
  static override examples = ["<%= config.bin %> plugin unpin notes"];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginUnpin);
    const config = await this.workspaceConfig();
    const { pinPlugin } = await import("../../core/index.ts");
    const { name, version, changed } = await pinPlugin({ config, name: args.name, pinned: false });
    this.logToStderr(`${name} ${version} is ${changed ? "no longer" : "not"} pinned.`);
    return { name, version, changed };
  }
}
