// xcore stop: asks the running server to finish what it is doing and end, and waits until it has.
import { BaseCommand } from "../cli/base-command.ts";
import { withDeadline } from "../core/base/deadline.ts";

const stopTimeoutMs = 60_000;

export default class Stop extends BaseCommand {
  static override summary = "Stop the running server gracefully.";
  static override description =
    "Requests and jobs that are under way are finished first. Ends when the server has ended; exit code 3 when none runs.";

  async run(): Promise<object> {
    await this.parse(Stop);
    using control = await this.connect();
    const { core } = await control.call("status", {});
    await control.call("server.stop", {}, { timeoutMs: stopTimeoutMs });
    await withDeadline(control.closed, {
      ms: stopTimeoutMs,
      code: "SERVER_UNREACHABLE",
      message: `the server (pid ${core.pid}) was asked to stop and still runs after ${stopTimeoutMs / 1000} s`,
      hint: `See its log for what it waits for; end it at once with: kill -9 ${core.pid}`,
    });
    this.logToStderr(`Stopped ${core.name} (pid ${core.pid}).`);
    return { stopped: true, pid: core.pid };
  }
}
