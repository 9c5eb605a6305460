// xcore job pause: keeps a job from running until it is resumed.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { parseJobName } from "../../cli/job-name.ts";

export default class JobPause extends BaseCommand {
  static override summary = "Keep a job of a plugin from running, on every server of this database.";
  static override description =
    "What runs goes on. What is due or enqueued waits, also over restarts, until: xcore job resume <plugin>.<job>";
  static override examples = ["<%= config.bin %> job pause notes.digest"];
  static override args = {
    job: Args.string({ description: "Plugin and job, with a dot between them.", required: true }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(JobPause);
    const job = parseJobName(args.job, "pause");
    using control = await this.connect();
    const result = await control.call("job.pause", job);
    this.logToStderr(`Paused ${args.job}. Let it run again with: xcore job resume ${args.job}`);
    return result;
  }
}
