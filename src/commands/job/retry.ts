// xcore job retry: has a job run again that failed for good or was cancelled.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class JobRetry extends BaseCommand {
  static override summary = "Run a job again that failed for good or was cancelled.";
  static override description =
    "It has its data, its idempotency key and all its tries again. Find it with: xcore job list --state failed";
  static override examples = ["<%= config.bin %> job retry 0b0e7c4a"];
  static override args = {
    id: Args.string({ description: "Its id, or the first characters of it.", required: true }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(JobRetry);
    using control = await this.connect();
    const job = await control.call("job.retry", { id: args.id });
    const short = job.id.slice(0, 8);
    this.logToStderr(
      `Put ${job.plugin}.${job.name} back; it is ${job.state}. See how it goes with: xcore job show ${short}`,
    );
    return job;
  }
}
