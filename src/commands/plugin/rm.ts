// xcore plugin rm: uninstalls a plugin; its data as you say.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { Progress } from "../../cli/progress.ts";
import { canAsk, openPrompts } from "../../cli/prompts.ts";
import { serverNotice } from "../../cli/server-notice.ts";
import type { Config } from "../../core/index.ts";

/** Into `.xcore/dumps/`; `xcore db restore` brings it back once the plugin is installed again. */
async function dumpOf(config: Config, plugin: string): Promise<string> {
  const { dumpDatabase, openMigrations, silentLogger } = await import("../../core/index.ts");
  await using session = await openMigrations(config, silentLogger);
  const folder = join(config.stateFolder, "dumps");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const stamp = new Date().toISOString().replaceAll(/[-:]|\..*$/g, "");
  const file = join(folder, `${plugin}-${stamp}.sql.gz`);
  await dumpDatabase({ database: session.database, config, file, plugin });
  return file;
}

export default class PluginRemove extends BaseCommand {
  static override summary = "Uninstall a plugin.";
  static override description =
    "A running server unmounts it at once. Its data stays unless you say otherwise; on a terminal you are asked.";
  static override examples = [
    "<%= config.bin %> plugin rm notes",
    "<%= config.bin %> plugin rm notes --data drop",
    "<%= config.bin %> plugin rm notes --data dump",
  ];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };
  static override flags = {
    data: Flags.option({
      options: ["keep", "drop", "dump"] as const,
      summary: "What becomes of its data; dump writes it into a file, then drops it.",
    })(),
    yes: Flags.boolean({ char: "y", summary: "Don't ask; data is kept." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginRemove);
    const { name } = args;
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { openPluginData, removePlugin, silentLogger } = await import("../../core/index.ts");
    let dump: string | undefined;
    const save = async (): Promise<void> => {
      progress.show("writing its data");
      dump = await dumpOf(config, name);
    };
    const removed = await removePlugin({
      config,
      name,
      data:
        flags.data === "dump"
          ? "drop"
          : (flags.data ?? (flags.yes || !canAsk() ? "keep" : () => this.askForData(name, progress))),
      ...(flags.data === "dump" ? { save } : {}),
      openData: () => openPluginData(config, silentLogger),
      onProgress: progress.show,
      notify: serverNotice(() => this.connect()),
      signal: interrupt.signal,
    });
    progress.clear();
    const data = {
      none: "",
      dropped: ` Its data ${dump === undefined ? "" : `is in ${dump} and `}was dropped.`,
      kept: ` Its data was kept; to drop it: xcore plugin rm ${name} --data drop`,
    };
    this.logToStderr(
      removed.wasInstalled
        ? `Removed ${name}.${data[removed.data]}`
        : `Dropped the data that ${name} had left${dump === undefined ? "" : `; it is in ${dump}`}.`,
    );
    return dump === undefined ? removed : { ...removed, dump };
  }

  private async askForData(name: string, progress: Progress): Promise<"keep" | "drop"> {
    progress.clear();
    const prompts = await openPrompts();
    const drop = await prompts.confirm(`${name} has data in the database. Drop it for good?`, false);
    return drop ? "drop" : "keep";
  }
}
