// xcore plugin call: runs an action of a plugin in the running server and prints its result.
import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../../cli/base-command.ts";
import { XcoreError, messageOf } from "../../core/base/error.ts";
import type { Operations } from "../../core/index.ts";

type Json = Operations["plugin.call"]["params"]["input"];

export default class PluginCall extends BaseCommand {
  static override summary = "Run an action of a plugin and print its result as JSON.";
  static override examples = [
    "<%= config.bin %> plugin call notes.count",
    `<%= config.bin %> plugin call mailer.send '{"to":"a@example.com"}'`,
    "<%= config.bin %> plugin call notes.import --input notes.json",
  ];
  static override args = {
    action: Args.string({ description: "The action, as <plugin>.<action>.", required: true }),
    json: Args.string({ description: "Its input as JSON; null when absent." }),
  };
  static override flags = {
    tenant: Flags.string({ summary: "The tenant it is called for; without it, for none." }),
    input: Flags.string({ char: "i", summary: "Read the input from this file; '-' reads stdin." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PluginCall);
    const dot = args.action.indexOf(".");
    if (dot < 1 || dot === args.action.length - 1) {
      throw new XcoreError("USAGE", `'${args.action}' names no action`, {
        hint: "Write <plugin>.<action>, for example: xcore plugin call notes.count",
      });
    }
    const input = await inputOf(args.json, flags.input);
    using client = await this.connect();
    const tenant = flags.tenant === undefined ? {} : { tenant: flags.tenant };
    const params = { name: args.action.slice(0, dot), action: args.action.slice(dot + 1), input, ...tenant };
    const result = await client.call("plugin.call", params, { timeoutMs: null });
    this.log(JSON.stringify(result, null, 2));
    return { result };
  }
}

async function inputOf(json: string | undefined, file: string | undefined): Promise<Json> {
  if (json !== undefined && file !== undefined) {
    throw new XcoreError("USAGE", "the input was given twice", {
      hint: "Give it as an argument or with --input.",
    });
  }
  const written = json ?? (file === undefined ? "null" : await readInput(file));
  try {
    return JSON.parse(written) as Json;
  } catch (error) {
    throw new XcoreError("USAGE", `the input is no JSON: ${messageOf(error)}`, {
      hint: `Quote it for the shell: '{"key": "value"}'`,
    });
  }
}

async function readInput(file: string): Promise<string> {
  try {
    return await (file === "-" ? text(process.stdin) : readFile(file, "utf8"));
  } catch (error) {
    throw new XcoreError("USAGE", `--input ${file} can't be read: ${messageOf(error)}`, {
      hint: "See that the file is there and readable.",
    });
  }
}
