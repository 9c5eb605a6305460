// xcore plugin sync: makes the installed files match xcore.lock.
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { renderFault } from "../../cli/render/error.ts";
import { serverNotice } from "../../cli/server-notice.ts";
import { codes, type Code } from "../../core/base/codes.ts";

export default class PluginSync extends BaseCommand {
  static override summary =
    "Make the installed plugins match xcore.lock: fetch what is missing or was changed.";
  static override description =
    "For a fresh checkout and for deployments. Only what hashes to what xcore.lock pins is taken, and no new permission is asked for. What an older xcore did not write into xcore.lock is added to it.";
  static override examples = ["<%= config.bin %> plugin sync"];

  async run(): Promise<object> {
    await this.parse(PluginSync);
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { syncPlugins } = await import("../../core/index.ts");
    const report = await syncPlugins({
      config,
      onProgress: progress.show,
      notify: serverNotice(() => this.connect()),
      signal: interrupt.signal,
    });
    progress.clear();
    const { kept, fetched, completed, removed, failed } = report;
    for (const fault of failed) this.logToStderr(renderFault(fault.name, fault));
    this.logToStderr(
      `${fetched.length} fetched, ${kept.length} as they should be, ${removed.length} left over and removed, ${failed.length} failed.`,
    );
    if (completed.length > 0) {
      this.logToStderr(
        `xcore.lock was written by another xcore; it now says what this one builds of ${completed.join(", ")}. Commit it.`,
      );
    }
    const [first] = failed;
    if (first !== undefined) this.exitWith(codes[first.code as Code].exit);
    return report;
  }
}
