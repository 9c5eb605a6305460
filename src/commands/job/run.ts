// xcore job run: has the running server run a job now.
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { parseJobName } from "../../cli/job-name.ts";
import { messageOf, XcoreError } from "../../core/base/error.ts";
import type { Operations } from "../../core/index.ts";

type Data = Operations["job.run"]["params"]["data"];

export default class JobRun extends BaseCommand {
  static override summary = "Run a job of a plugin now, beside its schedule.";
  static override description =
    "Ends when the job is in the queue; see how it goes with: xcore job show <id>";
  static override examples = [
    "<%= config.bin %> job run notes.digest",
    `<%= config.bin %> job run mailer.send --data '{"to":"ada@example.com"}'`,
  ];
  static override args = {
    job: Args.string({ description: "Plugin and job, with a dot between them.", required: true }),
  };
  static override flags = {
    data: Flags.string({ description: "What the job is given, as JSON.", default: "null" }),
    tenant: Flags.string({ description: "The tenant it runs for; without it, for none." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(JobRun);
    const { plugin, name } = parseJobName(args.job, "run");
    const data = parseData(flags.data);
    using control = await this.connect();
    const params = { plugin, name, data, ...(flags.tenant === undefined ? {} : { tenant: flags.tenant }) };
    const { id } = await control.call("job.run", params);
    this.logToStderr(`Queued ${args.job} as ${id}. See how it goes with: xcore job show ${id.slice(0, 8)}`);
    return { id, plugin, name };
  }
}

function parseData(text: string): Data {
  try {
    return JSON.parse(text) as Data;
  } catch (error) {
    throw new XcoreError("USAGE", `--data is no JSON: ${messageOf(error)}`, {
      hint: `Quote it for the shell: --data '{"to":"ada@example.com"}'`,
    });
  }
}
