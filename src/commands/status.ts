// xcore status: what the running server says about itself, here or elsewhere, once or live.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../cli/base-command.ts";
import { durationFlag } from "../cli/flags.ts";
import { statusLines } from "../cli/render/status.ts";
import { localStatus, remoteStatus } from "../cli/status-source.ts";
import { waitForStatus, watchStatus } from "../cli/status-watch.ts";
import { stateFolderOf } from "../core/base/workspace.ts";

export default class Status extends BaseCommand {
  static override summary = "Show how the running server is: core, services, plugins, jobs.";
  static override description =
    "Asks the server that runs in this project over its control socket; with --url any other over HTTP. " +
    "Exit code 0: healthy, 1: degraded, 3: not running, 4: unreachable.";
  static override examples = [
    "<%= config.bin %> status",
    "<%= config.bin %> status --watch",
    "<%= config.bin %> status --wait --timeout 1m",
    "<%= config.bin %> status --url https://shop.example.com --token $TOKEN --json",
  ];
  static override flags = {
    watch: Flags.boolean({ char: "w", summary: "Keep showing it, once a second.", exclusive: ["wait"] }),
    wait: Flags.boolean({ summary: "Wait until the server is there and healthy." }),
    timeout: durationFlag({
      summary: "How long --wait waits.",
      default: 30_000,
      defaultHelp: async () => "30s",
    }),
    url: Flags.string({ summary: "Address of a server elsewhere, http://host:port." }),
    token: Flags.string({ summary: "Its admin token; XCORE_TOKEN when absent." }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Status);
    const { url, token = process.env["XCORE_TOKEN"] } = flags;
    const read =
      url === undefined
        ? localStatus.bind(undefined, stateFolderOf(this.workspace()))
        : remoteStatus.bind(undefined, { url, token });
    if (flags.watch) await watchStatus(read, { json: flags.json === true });
    const report = flags.wait ? await waitForStatus(read, flags.timeout) : await read();
    this.log(statusLines(report, process.stdout).join("\n"));
    if (!report.healthy) this.exitWith(1);
    return report;
  }
}
