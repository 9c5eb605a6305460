// xcore plugin pack: a plugin as one archive, the same bytes for the same files everywhere.
import { mkdir, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { formatSize } from "../../core/base/units.ts";

export default class PluginPack extends BaseCommand {
  static override summary =
    "Pack a plugin into one .tgz: the same bytes for the same files on every machine.";
  static override description =
    "Takes the files that plugin sign signs, and the signature if there is one; npm packages are left out, since they come by the plugin's package-lock.json.";
  static override examples = [
    "<%= config.bin %> plugin pack",
    "<%= config.bin %> plugin pack plugins/notes --out dist",
  ];
  static override args = { folder: Args.string({ description: "The plugin's folder.", default: "." }) };
  static override flags = {
    out: Flags.string({ summary: "Folder the archive is written into.", default: "." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginPack);
    const { packPlugin } = await import("../../core/index.ts");
    const { bytes, manifest: _, signer, ...packed } = await packPlugin(resolve(args.folder));
    const folder = resolve(flags.out);
    const file = join(folder, packed.fileName);
    await mkdir(folder, { recursive: true });
    await writeFile(file, bytes);
    this.log(relative(process.cwd(), file));
    this.logToStderr(
      `${packed.digest}\n${packed.files} files, ${formatSize(bytes.length)}, ${signer === undefined ? "not signed" : "signed"}`,
    );
    return { ...packed, file, bytes: bytes.length, signer: signer ?? null };
  }
}
