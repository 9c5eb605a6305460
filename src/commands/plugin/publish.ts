// xcore plugin publish: a version into a registry of your own.
import { relative, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";

export default class PluginPublish extends BaseCommand {
  static override summary = "Publish a plugin's version in a registry of your own.";
  static override description =
    "A registry is a folder: a web server serves it, or it is a git repository's work tree that you push. " +
    "The version is signed, packed and entered into the signed index. A version that is there is never changed, and a name belongs to the key that published it first.";
  static override examples = [
    "<%= config.bin %> plugin publish --to ../registry",
    "<%= config.bin %> plugin publish plugins/notes --to /srv/plugins --key ~/keys/team.key",
  ];
  static override args = { folder: Args.string({ description: "The plugin's folder.", default: "." }) };
  static override flags = {
    to: Flags.string({ summary: "The registry's folder; it is made where there is none.", required: true }),
    key: Flags.string({
      summary: "File of the private key. Default: XCORE_SIGNING_KEY, else the one that key new makes.",
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginPublish);
    const { publishPlugin, readSigningKey } = await import("../../core/index.ts");
    const key = await readSigningKey(flags.key === undefined ? undefined : resolve(flags.key));
    const to = resolve(flags.to);
    const published = await publishPlugin({ folder: resolve(args.folder), to, key });
    const { name, version, serial, changed, formerSigner, files } = published;
    if (!changed) this.logToStderr(`${name} ${version} is there already, byte for byte.`);
    else {
      this.logToStderr(
        `Published ${name} ${version} (index number ${serial}) in ${relative(process.cwd(), to) || "."}`,
      );
      for (const file of files) this.log(relative(process.cwd(), resolve(to, file)));
    }
    if (formerSigner !== null) {
      this.logToStderr(
        `The index was signed by another key before; whoever uses this registry must trust yours, too: ${key.publicKey}`,
      );
    }
    return published;
  }
}
