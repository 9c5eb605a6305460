// xcore job schedule: which jobs run by themselves, and when.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { scheduleLines } from "../../cli/render/jobs.ts";

export default class JobSchedule extends BaseCommand {
  static override summary = "List the jobs that run by themselves, the next one first.";
  static override examples = [
    "<%= config.bin %> job schedule",
    "<%= config.bin %> job schedule --plugin notes --json",
  ];
  static override flags = { plugin: Flags.string({ description: "Only schedules of this plugin." }) };

  async run(): Promise<object> {
    const { flags } = await this.parse(JobSchedule);
    using control = await this.connect();
    const schedules = await control.call(
      "job.schedule",
      flags.plugin === undefined ? {} : { plugin: flags.plugin },
    );
    if (schedules.length === 0)
      this.logToStderr('No schedules. A job has one by every: "1 hour" or cron: "0 3 * * *"');
    else this.log(scheduleLines(schedules, process.stdout, new Date()).join("\n"));
    return { schedules };
  }
}
