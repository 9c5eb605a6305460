// xcore tenant create: makes a tenant in the running server, with a place for every plugin.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { tenantFlags, tenantSettings } from "../../cli/tenant-flags.ts";

export default class TenantCreate extends BaseCommand {
  static override summary = "Make a tenant: a customer with data of its own.";
  static override description =
    "Schemas of the plugins are made and migrated first; when one fails, nothing is left. Requests for it are answered as soon as this ends.";
  static override examples = [
    "<%= config.bin %> tenant create acme",
    "<%= config.bin %> tenant create acme --plugin notes --plugin mailer --requests 600/1m",
  ];
  static override args = {
    name: Args.string({ description: "Lower-case letters, digits and single dashes.", required: true }),
  };
  static override flags = tenantFlags;

  async run(): Promise<object> {
    const { args, flags } = await this.parse(TenantCreate);
    using control = await this.connect();
    const params = { name: args.name, ...tenantSettings(flags) };
    const tenant = await control.call("tenant.create", params, { timeoutMs: null });
    this.logToStderr(`Made the tenant ${tenant.name}.`);
    return { tenant };
  }
}
