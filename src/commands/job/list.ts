// xcore job list: the jobs of the running server.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { integerFlag } from "../../cli/flags.ts";
import { jobLines } from "../../cli/render/jobs.ts";

const states = ["running", "waiting", "scheduled", "paused", "failed", "cancelled", "done"] as const;

export default class JobList extends BaseCommand {
  static override summary =
    "List the jobs of the running server: running, waiting and scheduled first, then history.";
  static override examples = [
    "<%= config.bin %> job list",
    "<%= config.bin %> job list --plugin notes --state failed --json",
  ];
  static override flags = {
    plugin: Flags.string({ description: "Only jobs of this plugin." }),
    state: Flags.option({ options: states, description: "Only jobs in this state." })(),
    limit: integerFlag({ description: "At most this many.", default: 50, min: 1, max: 1000 }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(JobList);
    using control = await this.connect();
    const jobs = await control.call("job.list", {
      limit: flags.limit,
      ...(flags.plugin === undefined ? {} : { plugin: flags.plugin }),
      ...(flags.state === undefined ? {} : { state: flags.state }),
    });
    if (jobs.length === 0) this.logToStderr("No jobs. Run one with: xcore job run <plugin>.<job>");
    else this.log(jobLines(jobs, process.stdout, new Date()).join("\n"));
    return { jobs };
  }
}
