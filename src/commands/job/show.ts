// xcore job show: all that is known about one job.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { jobDetailLines } from "../../cli/render/jobs.ts";

export default class JobShow extends BaseCommand {
  static override summary = "Show one job: its data, tries, progress and error.";
  static override examples = ["<%= config.bin %> job show 0b0e7c4a"];
  static override args = {
    id: Args.string({ description: "Its id, or the first characters of it.", required: true }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(JobShow);
    using control = await this.connect();
    const job = await control.call("job.show", { id: args.id });
    this.log(jobDetailLines(job, new Date()).join("\n"));
    return job;
  }
}
