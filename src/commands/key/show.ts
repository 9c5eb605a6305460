// xcore key show: the public half of a key.
import { resolve } from "node:path";
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class KeyShow extends BaseCommand {
  static override summary = "Show the public half of your signing key.";
  static override description =
    "The private half is never shown. Without a file it is the key in XCORE_SIGNING_KEY, else the one that key new makes.";
  static override examples = ["<%= config.bin %> key show", "<%= config.bin %> key show ~/keys/team.key"];
  static override args = { file: Args.string({ description: "The file of the private key." }) };

  async run(): Promise<object> {
    const { args } = await this.parse(KeyShow);
    const { readSigningKey } = await import("../../core/index.ts");
    const key = await readSigningKey(args.file === undefined ? undefined : resolve(args.file));
    this.log(key.publicKey);
    this.logToStderr(key.fingerprint);
    return { file: key.file ?? null, publicKey: key.publicKey, fingerprint: key.fingerprint };
  }
}
