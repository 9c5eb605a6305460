// xcore plugin pin: keeps a plugin at its revision.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class PluginPin extends BaseCommand {
  static override summary = "Keep a plugin at its revision: updates pass it over.";
  static override examples = ["<%= config.bin %> plugin pin notes"];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginPin);
    const config = await this.workspaceConfig();
    const { pinPlugin } = await import("../../core/index.ts");
    const { name, version, changed } = await pinPlugin({ config, name: args.name, pinned: true });
    this.logToStderr(`${name} ${version} is ${changed ? "now" : "already"} pinned.`);
    return { name, version, changed };
  }
}
