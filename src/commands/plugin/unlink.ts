// xcore plugin unlink: takes a link away.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { serverNotice } from "../../cli/server-notice.ts";

export default class PluginUnlink extends BaseCommand {
  static override summary = "Take the link of a plugin away; an installed one has its place again.";
  static override examples = ["<%= config.bin %> plugin unlink notes"];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginUnlink);
    const config = await this.workspaceConfig();
    const { unlinkPlugin } = await import("../../core/index.ts");
    const unlinked = await unlinkPlugin({
      config,
      name: args.name,
      notify: serverNotice(() => this.connect()),
    });
    const now = unlinked.now === null ? "" : ` ${unlinked.now}, which is installed, has its place again.`;
    this.logToStderr(`Unlinked ${unlinked.name}.${now}`);
    return unlinked;
  }
}
