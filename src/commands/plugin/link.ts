// xcore plugin link: has the project load a plugin from the folder where it is worked on.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { serverNotice } from "../../cli/server-notice.ts";

export default class PluginLink extends BaseCommand {
  static override summary = "Load a plugin from the folder where you work on it.";
  static override description =
    "For development: its files are used where they lie, nothing is pinned or verified, and what it asks for is granted, as for a plugin " +
    "in plugins/. xcore serve --watch reloads it as you save. Production does not load it, unless the link says so.";
  static override examples = ["<%= config.bin %> plugin link ../notes"];
  static override args = { folder: Args.string({ description: "The plugin's folder.", required: true }) };
  static override flags = {
    production: Flags.boolean({ summary: "Load it in production, too; xcore.lock says so." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginLink);
    const config = await this.workspaceConfig();
    const { linkPlugin } = await import("../../core/index.ts");
    const linked = await linkPlugin({
      config,
      folder: args.folder,
      production: flags.production,
      notify: serverNotice(() => this.connect()),
    });
    const instead = linked.instead === null ? "" : ` in place of ${linked.instead}, which stays installed`;
    this.logToStderr(
      `Linked ${linked.name} ${linked.version} to ${linked.folder}${instead}; to end that: xcore plugin unlink ${linked.name}`,
    );
    return linked;
  }
}
