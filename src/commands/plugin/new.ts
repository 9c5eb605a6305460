// xcore plugin new: makes a plugin of the project's own in plugins/.
import { relative } from "node:path";
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";

export default class PluginNew extends BaseCommand {
  static override summary = "Make a plugin of your own in plugins/, with a route, a table, a job and a test.";
  static override description = "A server that runs with --watch serves it at once.";
  static override examples = ["<%= config.bin %> plugin new orders"];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginNew);
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    const { installedPlugins, newPlugin } = await import("../../core/index.ts");
    const installed = await installedPlugins(config);
    const made = await newPlugin({ config, name: args.name, installed, signal: interrupt.signal });
    const folder = relative(process.cwd(), made.folder);
    const next = [`edit ${folder}/src/index.ts`, "npm test", `curl localhost:8082/app/${made.name}/`];
    this.logToStderr(
      `Made the plugin ${made.name} in ${folder}. Next:\n${next.map((line) => `  ${line}`).join("\n")}`,
    );
    return { ...made, next };
  }
}
