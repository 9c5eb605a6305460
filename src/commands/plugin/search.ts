// xcore plugin search: plugins of the installation's registries.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { renderFault } from "../../cli/render/error.ts";
import { oneLine, outputWidth, tableLines } from "../../cli/render/table.ts";
import { codes } from "../../core/base/codes.ts";

export default class PluginSearch extends BaseCommand {
  static override summary = "Look for plugins in your registries.";
  static override description =
    "Registries are named in integration.yaml. Their indexes are checked against the keys that stand there.";
  static override examples = ["<%= config.bin %> plugin search mail", "<%= config.bin %> plugin search"];
  static override args = {
    text: Args.string({ description: "Words of the name or the description. Default: all plugins." }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginSearch);
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { searchRegistries } = await import("../../core/index.ts");
    const options = { config, signal: interrupt.signal, onProgress: progress.show };
    const report = await searchRegistries(options, args.text ?? "");
    progress.clear();
    const { plugins, failed } = report;
    for (const fault of failed) this.logToStderr(renderFault(fault.registry, fault));
    if (plugins.length === 0) this.logToStderr("There is no such plugin.");
    else {
      const columns = [
        { title: "PLUGIN", shrinkTo: 12 },
        { title: "VERSION", shrinkTo: 8 },
        { title: "REGISTRY", shrinkTo: 8 },
        { title: "DESCRIPTION", shrinkTo: 12 },
      ];
      const rows = plugins.map(({ name, version, registry, description }) =>
        [name, version, registry, description].map((cell) => oneLine(cell)),
      );
      this.log(tableLines(columns, rows, { width: outputWidth(process.stdout) }).join("\n"));
      this.logToStderr(`Install one with: xcore plugin add ${plugins[0]?.name ?? "<name>"}`);
    }
    if (failed.length > 0) this.exitWith(codes[failed[0]?.code ?? "REGISTRY_INVALID"].exit);
    return report;
  }
}
