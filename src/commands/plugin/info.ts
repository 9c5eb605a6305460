// xcore plugin info: all that is known about one plugin.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { pluginInfoLines } from "../../cli/render/plugins.ts";
import { registryInfoLines } from "../../cli/render/registry.ts";
import { connectIfRunning } from "../../cli/server-notice.ts";
import { XcoreError } from "../../core/base/error.ts";

export default class PluginInfoCommand extends BaseCommand {
  static override summary = "Show all that is known about a plugin.";
  static override description =
    "Where it comes from, what it may do and, where a server runs, what it declares and how it is.";
  static override examples = ["<%= config.bin %> plugin info notes"];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginInfoCommand);
    const config = await this.workspaceConfig();
    const { inventoryEntry, registryInfo } = await import("../../core/index.ts");
    const entry = await inventoryEntry(config, args.name).catch(async (error: unknown) => {
      if (!isMissing(error)) throw error;
      const offered = await registryInfo({ config }, args.name).catch((elsewhere: unknown) => {
        // The nearest name among the project's own is a better guess than what registries know.
        throw isMissing(elsewhere) && error.hint?.startsWith("Did you mean") === true ? error : elsewhere;
      });
      if (offered === undefined) throw error;
      return offered;
    });
    if ("url" in entry) {
      this.log(registryInfoLines(entry).join("\n"));
      this.logToStderr(`It is not installed. Install it with: xcore plugin add ${args.name}`);
      return { installed: false, ...entry };
    }
    using client = await connectIfRunning(() => this.connect());
    const known = (await client?.call("plugin.list", {}))?.some((plugin) => plugin.name === args.name);
    const info = known === true ? await client?.call("plugin.info", { name: args.name }) : undefined;
    this.log(pluginInfoLines(entry, info).join("\n"));
    return { running: client !== undefined, ...entry, live: info ?? null };
  }
}

const isMissing = (error: unknown): error is XcoreError =>
  error instanceof XcoreError && error.code === "PLUGIN_NOT_FOUND";
