// xcore plugin audit: what a plugin's code looks as if it would use.
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { auditLines } from "../../cli/render/audit.ts";

export default class PluginAudit extends BaseCommand {
  static override summary = "Compare what a plugin's code would use with what it asks for.";
  static override description =
    "Reads the bundled code without running it: facades of ctx, hosts, code made at run time, permissions that are asked for and not seen to be used. " +
    "This is advice for a reader; it can be fooled, and nothing is allowed or refused by it.";
  static override examples = [
    "<%= config.bin %> plugin audit notes",
    "<%= config.bin %> plugin audit ./plugins/notes --json",
  ];
  static override args = {
    plugin: Args.string({
      description: "A plugin's name, or a folder (with a slash or a dot in it).",
      required: true,
    }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginAudit);
    const { auditPlugin, inventoryEntry } = await import("../../core/index.ts");
    if (/[./\\]/.test(args.plugin)) {
      const audit = await auditPlugin(resolve(args.plugin), { sealed: false });
      this.log(auditLines(audit).join("\n"));
      return audit;
    }
    const { folder, source } = await inventoryEntry(await this.workspaceConfig(), args.plugin);
    const audit = await auditPlugin(folder, { sealed: source === "installed" });
    this.log(auditLines(audit).join("\n"));
    return audit;
  }
}
