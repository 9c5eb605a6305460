// xcore tenant drop: removes a tenant with everything that is kept for it.
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import type { ControlClient } from "../../cli/control-client.ts";
import { cancelled } from "../../cli/interrupt.ts";
import { canAsk, missingFlags, openPrompts } from "../../cli/prompts.ts";
import { XcoreError } from "../../core/base/error.ts";

export default class TenantDrop extends BaseCommand {
  static override summary = "Remove a tenant and all of its data.";
  static override description =
    "Schemas, roles, cache and jobs of all plugins for it, for good. With --dump its rows are written into a file first.";
  static override examples = [
    "<%= config.bin %> tenant drop acme",
    "<%= config.bin %> tenant drop acme --dump acme.sql.gz --yes",
  ];
  static override args = { name: Args.string({ description: "The tenant.", required: true }) };
  static override flags = {
    dump: Flags.string({ summary: "Write its rows into this file first; .gz compresses it." }),
    yes: Flags.boolean({ char: "y", summary: "Don't ask." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(TenantDrop);
    const { name } = args;
    using control = await this.connect();
    await this.assertThere(control, name);
    if (!flags.yes) await confirm(name);
    const dump = flags.dump === undefined ? undefined : resolve(flags.dump);
    if (dump !== undefined) {
      // Nothing may come after what is in the file.
      await control.call("tenant.suspend", { name });
      await this.dumpTo(dump, name);
    }
    await control.call("tenant.drop", { name }, { timeoutMs: null });
    this.logToStderr(`Dropped the tenant ${name}.${dump === undefined ? "" : ` Its rows are in ${dump}.`}`);
    return dump === undefined ? { dropped: name } : { dropped: name, dump };
  }

  /** Before anything is asked or suspended. */
  private async assertThere(control: ControlClient, name: string): Promise<void> {
    const tenants = await control.call("tenant.list", {});
    if (tenants.some((tenant) => tenant.name === name)) return;
    throw new XcoreError("TENANT_UNKNOWN", `there is no tenant '${name}'`, {
      hint: "See: xcore tenant list",
    });
  }

  private async dumpTo(file: string, tenant: string): Promise<void> {
    const { dumpDatabase, openMigrations, silentLogger } = await import("../../core/index.ts");
    const config = await this.workspaceConfig();
    await using session = await openMigrations(config, silentLogger);
    await dumpDatabase({ database: session.database, config, file, plugin: undefined, tenant });
  }
}

async function confirm(name: string): Promise<void> {
  const command = `xcore tenant drop ${name}`;
  if (!canAsk()) throw missingFlags(command, ["--yes"], `${command} --yes`);
  const prompts = await openPrompts();
  if (!(await prompts.confirm(`All data of ${name} goes for good. Drop it?`, false))) throw cancelled();
}
