// xcore plugin update: moves installed plugins to what is newer.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { consentOf } from "../../cli/consent.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { renderFault } from "../../cli/render/error.ts";
import { updatedLines } from "../../cli/render/updates.ts";
import { connectIfRunning, serverNotice } from "../../cli/server-notice.ts";
import { allowFlag, breakFlag } from "../../cli/update-flags.ts";
import { codes, type Code } from "../../core/base/codes.ts";
import { XcoreError } from "../../core/base/error.ts";

export default class PluginUpdate extends BaseCommand {
  static override summary = "Update installed plugins.";
  static override description =
    "Moves each to where it leads: the head of its branch, the newest tag or release of the same major version. You are asked only about " +
    "what a plugin wants beyond what was approved. Rewritten history, older versions and changed migrations are refused. A running server " +
    "switches without losing a request; what fails there goes back. See xcore plugin diff first.";
  static override examples = [
    "<%= config.bin %> plugin update",
    "<%= config.bin %> plugin update notes --to v2.0.0",
    "<%= config.bin %> plugin update notes --allow fetch=api.example.com",
  ];
  static override args = {
    names: Args.string({
      description: "Plugins; all that are not pinned by default.",
      multiple: true,
      required: false,
    }),
  };
  static override flags = {
    to: Flags.string({
      summary:
        "For one plugin: a tag, branch, commit, version or range; for an archive or folder the new one.",
    }),
    allow: allowFlag,
    "break-dependants": breakFlag,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginUpdate);
    const names = args.names ?? [];
    if (flags.to !== undefined && names.length !== 1) {
      throw new XcoreError("USAGE", "--to goes with the name of one plugin", {
        hint: "For example: xcore plugin update notes --to v2.0.0",
      });
    }
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { openPluginSchemas, readMigrations, silentLogger, updatePlugins } =
      await import("../../core/index.ts");
    const report = await updatePlugins({
      config,
      names,
      ...(flags.to === undefined ? {} : { to: flags.to }),
      consent: consentOf({
        allow: flags.allow,
        yes: false,
        question: "Update it?",
        show: (text) => {
          progress.clear();
          this.logToStderr(text);
        },
      }),
      breakDependants: flags["break-dependants"],
      readMigrations,
      openSchemas: async () => {
        using server = await connectIfRunning(() => this.connect());
        return server === undefined ? undefined : openPluginSchemas(config, silentLogger);
      },
      onProgress: progress.show,
      notify: serverNotice(() => this.connect()),
      signal: interrupt.signal,
    });
    progress.clear();
    for (const updated of report.updated) this.logToStderr(updatedLines(updated).join("\n"));
    for (const name of report.pinned)
      this.logToStderr(`${name} is pinned; to let it go: xcore plugin unpin ${name}`);
    if (report.current.length > 0) {
      const names = report.current.join(", ");
      this.logToStderr(`Nothing newer where they lead: ${names} (what lies beyond: xcore plugin outdated)`);
    }
    for (const fault of report.failed) this.logToStderr(renderFault(fault.name, fault));
    const [first] = report.failed;
    if (first !== undefined) this.exitWith(codes[first.code as Code].exit);
    return report;
  }
}
