// xcore tenant set: changes what a tenant may use.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { tenantFlags, tenantSettings } from "../../cli/tenant-flags.ts";
import { XcoreError } from "../../core/base/error.ts";

export default class TenantSet extends BaseCommand {
  static override summary = "Change a tenant's plugins and quotas.";
  static override description =
    "Takes hold at once, on every server of the database. What is not named stays.";
  static override examples = [
    "<%= config.bin %> tenant set acme --requests 100/1s --jobs 50",
    "<%= config.bin %> tenant set acme --plugin all",
  ];
  static override args = { name: Args.string({ description: "The tenant.", required: true }) };
  static override flags = tenantFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(TenantSet);
    const settings = tenantSettings(flags);
    if (Object.keys(settings).length === 0) {
      throw new XcoreError("USAGE", "nothing to change was given", {
        hint: "Give at least one of --plugin, --requests, --jobs and --storage.",
      });
    }
    using control = await this.connect();
    const tenant = await control.call("tenant.set", { name: args.name, ...settings });
    this.logToStderr(`Changed the tenant ${tenant.name}.`);
    return { tenant };
  }
}
