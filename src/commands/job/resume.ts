// xcore job resume: lets a paused job run again.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { parseJobName } from "../../cli/job-name.ts";

export default class JobResume extends BaseCommand {
  static override summary = "Let a paused job of a plugin run again; what waits starts at once.";
  static override examples = ["<%= config.bin %> job resume notes.digest"];
  static override args = {
    job: Args.string({ description: "Plugin and job, with a dot between them.", required: true }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(JobResume);
    const job = parseJobName(args.job, "resume");
    using control = await this.connect();
    const result = await control.call("job.resume", job);
    this.logToStderr(`Resumed ${args.job}. See when it runs with: xcore job schedule --plugin ${job.plugin}`);
    return result;
  }
}
