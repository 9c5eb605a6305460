// xcore tenant suspend: refuse a tenant's requests; keep its data.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class TenantSuspend extends BaseCommand {
  static override summary = "Refuse a tenant's requests; keep its data.";
  static override description =
    "Requests and what is under way are refused with 403 from now on, on every server of the database; its jobs wait.";
  static override examples = ["<%= config.bin %> tenant suspend acme"];
  static override args = { name: Args.string({ description: "The tenant.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(TenantSuspend);
    using control = await this.connect();
    const tenant = await control.call("tenant.suspend", { name: args.name });
    this.logToStderr(`Suspended the tenant ${tenant.name}.`);
    return { tenant };
  }
}
