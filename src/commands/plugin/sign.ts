// xcore plugin sign: the author's word that these files are this version.
import { relative, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";

export default class PluginSign extends BaseCommand {
  static override summary = "Sign a plugin's files.";
  static override description =
    "Writes plugin.sig.json beside plugin.yaml: your signature over path, mode and content of every file, with name and version. " +
    "In a git work tree these are the files git knows. Commit it with the version it stands for.";
  static override examples = [
    "<%= config.bin %> plugin sign",
    "<%= config.bin %> plugin sign plugins/notes --key ~/keys/team.key",
  ];
  static override args = { folder: Args.string({ description: "The plugin's folder.", default: "." }) };
  static override flags = {
    key: Flags.string({
      summary: "File of the private key. Default: XCORE_SIGNING_KEY, else the one that key new makes.",
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginSign);
    const { readSigningKey, signPlugin } = await import("../../core/index.ts");
    const key = await readSigningKey(flags.key === undefined ? undefined : resolve(flags.key));
    const signed = await signPlugin({ folder: resolve(args.folder), key });
    this.log(relative(process.cwd(), signed.file));
    this.logToStderr(
      `Signed ${signed.name} ${signed.version}: ${signed.files} files${signed.fromGit ? " that git knows" : ""}, by ${signed.fingerprint}`,
    );
    return signed;
  }
}
