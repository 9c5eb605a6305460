// xcore tenant resume: let a suspended tenant go on.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class TenantResume extends BaseCommand {
  static override summary = "Let a suspended tenant go on.";
  static override description = "Its jobs that waited run now.";
  static override examples = ["<%= config.bin %> tenant resume acme"];
  static override args = { name: Args.string({ description: "The tenant.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(TenantResume);
    using control = await this.connect();
    const tenant = await control.call("tenant.resume", { name: args.name });
    this.logToStderr(`Resumed the tenant ${tenant.name}.`);
    return { tenant };
  }
}
