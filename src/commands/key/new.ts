// xcore key new: a key pair to sign plugins with.
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class KeyNew extends BaseCommand {
  static override summary = "Make a key to sign plugins with.";
  static override description =
    "The private half goes into a file that only you can read; it is not encrypted, so keep it out of every repository. " +
    "The public half is printed: give it to those who install your plugins. A file that is there already is never replaced.";
  static override examples = ["<%= config.bin %> key new", "<%= config.bin %> key new ~/keys/team.key"];
  static override args = {
    file: Args.string({ description: "The file. Default: xcore/signing.key in your configuration folder." }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(KeyNew);
    const { newKey, standardKeyFile } = await import("../../core/index.ts");
    const made = await newKey(args.file === undefined ? standardKeyFile() : resolve(args.file));
    this.log(made.publicKey);
    this.logToStderr(
      `Wrote the private key to ${made.file}; its fingerprint is ${made.fingerprint}\n` +
        "Those who trust it write into integration.yaml:\n" +
        `  policy: { signatures: { signers: { <name>: "${made.publicKey}" } } }`,
    );
    return made;
  }
}
