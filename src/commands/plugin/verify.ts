// xcore plugin verify: whether what is installed is what xcore.lock says.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { sarifOf } from "../../cli/render/sarif.ts";
import { oneLine } from "../../cli/render/table.ts";
import { codes } from "../../core/base/codes.ts";
import type { VerifyFinding } from "../../core/index.ts";

// What a sync can't mend says in its own words what to do.
function cure(findings: readonly VerifyFinding[]): string {
  const mended = findings.some(
    ({ rule }) => rule === "not-installed" || rule === "bundle" || /^files?\b/.test(rule),
  );
  return mended ? " Bring back what xcore.lock says with: xcore plugin sync" : "";
}

export default class PluginVerify extends BaseCommand {
  static override summary =
    "Check that the installed plugins are what xcore.lock says, and name each difference.";
  static override description =
    "Looks at content, mode and kind of every file, at what was added, at the code that would run, at signatures and at known-bad packages. " +
    "Changes nothing and runs nothing of a plugin. With --frozen, for CI, integration.yaml and xcore.lock must agree, too, and nobody may have to write xcore.lock anew.";
  static override examples = [
    "<%= config.bin %> plugin verify",
    "<%= config.bin %> plugin verify --frozen --sarif > xcore.sarif",
  ];
  static override args = { name: Args.string({ description: "This plugin only." }) };
  static override flags = {
    frozen: Flags.boolean({
      summary: "Fail when integration.yaml and xcore.lock disagree or the lock is stale.",
    }),
    sarif: Flags.boolean({ summary: "Print the findings as SARIF 2.1.0.", exclusive: ["json"] }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginVerify);
    const config = await this.workspaceConfig();
    const { inventoryEntry, packageVersion, verifyPlugins, verifyRules } =
      await import("../../core/index.ts");
    if (args.name !== undefined) await inventoryEntry(config, args.name);
    const report = await verifyPlugins({
      config,
      frozen: flags.frozen,
      ...(args.name === undefined ? {} : { names: [args.name] }),
    });
    const { checked, findings } = report;
    if (flags.sarif) {
      this.log(JSON.stringify(sarifOf(report, { rules: verifyRules, version: packageVersion() }), null, 2));
    } else {
      for (const { rule, path, message } of findings) this.log(`${oneLine(path)}: ${message} (${rule})`);
    }
    for (const name of report.linked) {
      this.logToStderr(`${name} is linked to a folder: nothing of it can be verified.`);
    }
    this.logToStderr(
      findings.length === 0
        ? `${checked.length} ${checked.length === 1 ? "plugin is" : "plugins are"} as xcore.lock says.`
        : `${findings.length} ${findings.length === 1 ? "difference" : "differences"}.${cure(findings)}`,
    );
    if (findings.length > 0) this.exitWith(codes.LOCK_MISMATCH.exit);
    return report;
  }
}
