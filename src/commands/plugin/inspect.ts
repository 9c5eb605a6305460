// xcore plugin inspect: opens a plugin's isolate to Chrome DevTools, until Ctrl-C.
import { setTimeout as sleep } from "node:timers/promises";
import * as Args from "@oclif/core/args";
import { BaseCommand } from "../../cli/base-command.ts";
import { Interrupt } from "../../cli/interrupt.ts";

/** The server takes us for gone after three times as long. */
const renewMs = 5000;

export default class PluginInspect extends BaseCommand {
  static override summary = "Open a plugin's isolate to Chrome DevTools, until Ctrl-C.";
  static override description =
    "The plugin moves to a process of its own and is loaded anew; its limits of CPU and time are suspended. DevTools shows its " +
    "TypeScript. The address is on this machine only and can't be guessed.";
  static override examples = ["<%= config.bin %> plugin inspect notes"];
  static override args = { name: Args.string({ description: "The plugin's name.", required: true }) };

  async run(): Promise<object> {
    const { args } = await this.parse(PluginInspect);
    using interrupt = new Interrupt();
    using client = await this.connect();
    const { name } = args;
    const address = await client.call("plugin.inspect", { name }, { timeoutMs: 60_000 });
    if (this.jsonEnabled()) this.logToStderr(address.devtools);
    else this.log(address.devtools);
    this.logToStderr(
      `Open this address in Chrome. Limits of CPU and time do not hold for '${name}' now; Ctrl-C ends this.`,
    );
    try {
      while (!interrupt.signal.aborted) {
        await Promise.race([
          sleep(renewMs, undefined, { signal: interrupt.signal, ref: true }).catch(() => undefined),
          client.closed,
        ]);
        if (!interrupt.signal.aborted) await client.call("plugin.inspect", { name }, { timeoutMs: 60_000 });
      }
    } finally {
      await client.call("plugin.uninspect", { name }, { timeoutMs: 60_000 }).catch(() => undefined);
    }
    this.logToStderr(`'${name}' runs under its limits again.`);
    return { plugin: name, ...address };
  }
}
