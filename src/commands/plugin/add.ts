// xcore plugin add: installs a plugin from a repository, an archive or a folder, with consent.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { consentOf } from "../../cli/consent.ts";
import { Interrupt } from "../../cli/interrupt.ts";
import { licenseWords } from "../../cli/render/plugins.ts";
import { oneLine } from "../../cli/render/table.ts";
import { Progress } from "../../cli/progress.ts";
import { connectIfRunning, serverNotice } from "../../cli/server-notice.ts";

export default class PluginAdd extends BaseCommand {
  static override summary = "Install a plugin from git, npm, a registry, an archive or a folder.";
  static override description =
    "Shows what the plugin asks for and wants your consent. Nothing of it is run before that, and no script of it ever. " +
    "What was approved is written into xcore.lock; a running server mounts it at once. If anything fails, nothing has changed.";
  static override examples = [
    "<%= config.bin %> plugin add https://github.com/someone/notes#v1.2.0",
    "<%= config.bin %> plugin add git@example.com:team/plugins.git//notes",
    "<%= config.bin %> plugin add ./notes-1.2.0.tgz",
    "<%= config.bin %> plugin add ../notes --allow database,fetch=api.example.com",
  ];
  static override args = {
    source: Args.string({
      description:
        "A git address (https://, ssh://, git@host:path, file://) or a path, with //folder and #branch, #tag or #commit; a .tgz by path or https://; npm:name@range; name@range of a registry.",
      required: true,
    }),
  };
  static override flags = {
    allow: Flags.string({
      summary: "Permissions you allow, for scripts: database,fetch=api.example.com,…",
      multiple: true,
      multipleNonGreedy: true,
    }),
    submodules: Flags.boolean({
      summary: "Fetch the repository's git submodules, too; updates do so from then on.",
    }),
    yes: Flags.boolean({ char: "y", summary: "Don't ask whether to go on; never allows a permission." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginAdd);
    const config = await this.workspaceConfig();
    using interrupt = new Interrupt();
    using progress = new Progress({ quiet: this.jsonEnabled() });
    const { addPlugin, licenseSummary, openPluginData, openPluginSchemas, silentLogger } =
      await import("../../core/index.ts");
    const { name, entry, mounted } = await addPlugin({
      config,
      source: args.source,
      submodules: flags.submodules,
      consent: consentOf({
        allow: flags.allow,
        yes: flags.yes,
        question: "Install it?",
        show: (text) => {
          progress.clear();
          this.logToStderr(text);
        },
      }),
      onProgress: progress.show,
      notify: serverNotice(() => this.connect()),
      openSchemas: async () => {
        using server = await connectIfRunning(() => this.connect());
        return server === undefined ? undefined : openPluginSchemas(config, silentLogger);
      },
      openData: async () => {
        using server = await connectIfRunning(() => this.connect());
        return server === undefined ? undefined : openPluginData(config, silentLogger);
      },
      signal: interrupt.signal,
    });
    progress.clear();
    const licenses = licenseSummary(entry.packages ?? {});
    if (licenses.length > 0) this.logToStderr(`npm packages with it: ${oneLine(licenseWords(licenses))}`);
    const mount = `/app/${name}/`;
    this.logToStderr(
      mounted
        ? `Installed ${name} ${entry.version}; it is mounted under ${mount}`
        : `Installed ${name} ${entry.version}; xcore serve mounts it under ${mount}`,
    );
    return { name, ...entry, licenses, mounted, mount };
  }
}
