// xcore plugin outdated: what newer there is of the installed plugins.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { outdatedLines } from "../../cli/render/updates.ts";
import { codes } from "../../core/base/codes.ts";

export default class PluginOutdated extends BaseCommand {
  static override summary = "Show which installed plugins have something newer.";
  static override description =
    "WANTED is where xcore plugin update leads: the head of the branch, the newest tag or release of the same major version. " +
    "LATEST is the newest there is. Ends with 1 when there is something newer, with 0 when there is not; else with the code of what kept it from asking.";
  static override examples = [
    "<%= config.bin %> plugin outdated",
    "<%= config.bin %> plugin outdated notes --json",
  ];
  static override args = {
    names: Args.string({ description: "Plugins; all of them by default.", multiple: true, required: false }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginOutdated);
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { isOutdated, outdatedPlugins } = await import("../../core/index.ts");
    const plugins = await outdatedPlugins({
      config,
      names: args.names ?? [],
      onProgress: progress.show,
      signal: interrupt.signal,
    });
    progress.clear();
    const outdated = plugins.filter(isOutdated);
    const worthShowing = plugins.filter(
      (one) => isOutdated(one) || one.fault !== null || one.wentBack !== null,
    );
    this.log(outdatedLines(worthShowing, process.stdout).join("\n"));
    const fault = plugins.find((one) => one.fault !== null)?.fault;
    if (outdated.length > 0) this.exitWith(1);
    else if (fault !== undefined && fault !== null) this.exitWith(codes[fault.code].exit);
    return { plugins };
  }
}
