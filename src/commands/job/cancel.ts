// xcore job cancel: ends a job that waits or runs.
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";

export default class JobCancel extends BaseCommand {
  static override summary = "Cancel a job that waits or runs.";
  static override description =
    "One that waits never runs. One that runs has its ctx.signal aborted and is not tried again.";
  static override examples = ["<%= config.bin %> job cancel 0b0e7c4a"];
  static override args = {
    id: Args.string({ description: "Its id, or the first characters of it.", required: true }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(JobCancel);
    using control = await this.connect();
    const job = await control.call("job.cancel", { id: args.id });
    const name = `${job.plugin}.${job.name}`;
    this.logToStderr(
      job.state === "running"
        ? `Told ${name} to end. See whether it has with: xcore job show ${job.id.slice(0, 8)}`
        : `Cancelled ${name}. To run it after all: xcore job retry ${job.id.slice(0, 8)}`,
    );
    return job;
  }
}
