// xcore serve: opens the project's core, says where it listens, and closes it when asked.
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../cli/base-command.ts";
import { integerFlag } from "../cli/flags.ts";
import { StopWishes, exitCodeOf } from "../cli/stop-wishes.ts";
import { messageOf } from "../core/base/error.ts";
import type { Config, Core, Logger } from "../core/index.ts";

const levels = ["debug", "info", "warn", "error", "silent"] as const;

interface ServeFlags {
  port: number | undefined;
  host: string | undefined;
  "log-level": Config["log"]["level"] | undefined;
  json: boolean;
}

export default class Serve extends BaseCommand {
  static override summary = "Serve the project: its services, its plugins, its routes.";
  static override description =
    "Runs until Ctrl-C, SIGTERM or `xcore stop`; requests that are under way are finished first, a second signal skips that. " +
    "The log goes to stdout: pretty on a terminal, JSON lines elsewhere and with --json.";
  static override examples = [
    "<%= config.bin %> serve --watch",
    "<%= config.bin %> serve --host 0.0.0.0 --port 80",
  ];
  static override flags = {
    watch: Flags.boolean({ char: "w", summary: "Reload plugins as they are saved." }),
    port: integerFlag({
      char: "p",
      summary: "Port to listen on; 0 for any that is free.",
      min: 0,
      max: 65_535,
    }),
    host: Flags.string({ summary: "Address to listen on." }),
    "log-level": Flags.option({ options: levels, summary: "The least severe lines to log." })(),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(Serve);
    const config = withFlags(await this.workspaceConfig(), { ...flags, json: this.jsonEnabled() });
    const { createLogger, openCore } = await import("../core/index.ts");
    const logger = await createLogger(config.log);
    using wishes = new StopWishes();
    const core = await openCore({
      config,
      logger,
      watch: flags.watch,
      onStopRequested: () => wishes.add("request"),
    });
    this.announce(core, config, logger);
    closeOnFault(core, logger);
    const wish = await wishes.first;
    logger.info({ wish }, "stopping; a second signal skips draining");
    void wishes.second.then(() => core.close({ drain: false }));
    await core.close({ drain: true });
    // With --json the document that follows says it, and nothing may come after that.
    if (!this.jsonEnabled()) logger.info({}, "stopped");
    this.exitWith(exitCodeOf(wish));
    return { address: core.address, stoppedBy: wish };
  }

  /** One line, as the log's other lines are. */
  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json)}\n`);
  }

  /** For people on stderr, for machines in the log; a terminal that shows both needs it once. */
  private announce({ address }: Core, { name, server }: Config, logger: Logger): void {
    const moved = server.port !== 0 && Number(new URL(address).port || 80) !== server.port;
    if (moved) this.logToStderr(`Port ${server.port} is taken; another one was chosen.`);
    this.logToStderr(`${name} is ready at ${address} (Ctrl-C stops it)`);
    if (!process.stdout.isTTY) logger.info({ address, pid: process.pid }, "ready");
  }
}

function withFlags(config: Config, flags: ServeFlags): Config {
  const { server, log } = config;
  return {
    ...config,
    server: {
      ...server,
      host: flags.host ?? server.host,
      port: flags.port ?? server.port,
      portExplicit: server.portExplicit || flags.port !== undefined,
    },
    log: { level: flags["log-level"] ?? log.level, format: flags.json ? "json" : log.format },
  };
}

/** After a fault that nobody caught nothing can be trusted to drain; what can be closed is closed. */
function closeOnFault(core: Core, logger: Logger): void {
  process.once("uncaughtException", async (error) => {
    logger.error({ err: error }, `a fault of xcore that nobody caught: ${messageOf(error)}; stopping`);
    process.exitCode = 70;
    await core.close({ drain: false });
    process.exit();
  });
}
