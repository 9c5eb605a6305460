// xcore plugin approve: allows what an installed plugin asks for and xcore.lock does not grant.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { consentOf } from "../../cli/consent.ts";
import { connectIfRunning } from "../../cli/server-notice.ts";

export default class PluginApprove extends BaseCommand {
  static override summary = "Allow what an installed plugin asks for.";
  static override description =
    "Shows what it asks for beyond what xcore.lock grants, and wants your consent.";
  static override examples = [
    "<%= config.bin %> plugin approve notes",
    "<%= config.bin %> plugin approve notes --allow database,fetch=api.example.com",
  ];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };
  static override flags = {
    allow: Flags.string({
      summary: "Permissions you allow, for scripts.",
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginApprove);
    const { name } = args;
    const config = await this.workspaceConfig();
    const { approvePlugin } = await import("../../core/index.ts");
    const approved = await approvePlugin({
      config,
      name,
      consent: consentOf({
        allow: flags.allow,
        yes: false,
        question: "Allow it?",
        show: (text) => this.logToStderr(text),
      }),
      notify: async () => {
        using client = await connectIfRunning(() => this.connect());
        if (client === undefined) return undefined;
        await client.call("plugin.reload", { name }, { timeoutMs: 60_000 });
        return { failed: [] };
      },
    });
    this.logToStderr(
      approved.changed
        ? `Approved ${name}.`
        : `${name} asks for nothing that xcore.lock does not grant already.`,
    );
    return approved;
  }
}
