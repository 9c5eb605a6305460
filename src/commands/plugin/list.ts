// xcore plugin list: the project's plugins, with their states where a server runs.
import { BaseCommand } from "../../cli/base-command.ts";
import { listedPlugin, pluginListLines } from "../../cli/render/plugins.ts";
import { connectIfRunning } from "../../cli/server-notice.ts";

export default class PluginList extends BaseCommand {
  static override summary = "List the project's plugins.";
  static override description =
    "With a running server as it sees them, otherwise as files and xcore.lock say.";
  static override examples = ["<%= config.bin %> plugin list", "<%= config.bin %> plugin list --json"];

  async run(): Promise<object> {
    await this.parse(PluginList);
    const config = await this.workspaceConfig();
    const { inventory } = await import("../../core/index.ts");
    using client = await connectIfRunning(() => this.connect());
    const [entries, states] = await Promise.all([inventory(config), client?.call("plugin.list", {}) ?? []]);
    const plugins = entries.map((entry) =>
      listedPlugin(
        entry,
        states.find((state) => state.name === entry.name),
      ),
    );
    this.log(pluginListLines(plugins, process.stdout).join("\n"));
    return { running: client !== undefined, plugins };
  }
}
