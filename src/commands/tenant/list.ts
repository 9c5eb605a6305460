// xcore tenant list: the tenants of the running server.
import { BaseCommand } from "../../cli/base-command.ts";
import { tenantLines } from "../../cli/render/tenants.ts";

export default class TenantList extends BaseCommand {
  static override summary = "List the tenants: state, plugins, quotas, requests.";
  static override description = "Figures are those of the server that answers.";
  static override examples = ["<%= config.bin %> tenant list", "<%= config.bin %> tenant list --json"];

  async run(): Promise<object> {
    await this.parse(TenantList);
    using control = await this.connect();
    const tenants = await control.call("tenant.list", {});
    if (tenants.length === 0) this.logToStderr("There are none. Make one: xcore tenant create <name>");
    else this.log(tenantLines(tenants, process.stdout).join("\n"));
    return { tenants };
  }
}
