// xcore new: makes a project that runs.
import { basename, relative, resolve } from "node:path";
import * as Args from "@oclif/core/args";
import * as Flags from "@oclif/core/flags";
import { BaseCommand } from "../cli/base-command.ts";
import { Interrupt } from "../cli/interrupt.ts";
import { canAsk, missingFlags, openPrompts } from "../cli/prompts.ts";
import { XcoreError } from "../core/base/error.ts";
import type { NewProject } from "../core/index.ts";

interface Given {
  folder: string | undefined;
  name: string | undefined;
  plugin: string | undefined;
  install: boolean | undefined;
  git: boolean | undefined;
}

type Complete = { [Key in keyof Given]-?: NonNullable<Given[Key]> };

const firstPlugin = "guestbook";

export default class New extends BaseCommand {
  static override summary =
    "Make a project: a server, a first plugin with its test, and all it takes to run it.";
  static override description =
    "Works without a network until packages are installed. A folder that is not empty is left as it is.";
  static override examples = [
    "<%= config.bin %> new my-app",
    "<%= config.bin %> new my-app --yes --no-install",
  ];
  static override args = { folder: Args.string({ description: "The folder to make." }) };
  static override flags = {
    name: Flags.string({ summary: "The project's name; the folder's by default." }),
    plugin: Flags.string({ summary: `The first plugin's name; ${firstPlugin} by default.` }),
    install: Flags.boolean({ summary: "Install packages with npm.", allowNo: true }),
    git: Flags.boolean({ summary: "Make a git repository.", allowNo: true }),
    yes: Flags.boolean({ char: "y", summary: "Ask nothing; take the defaults." }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(New);
    const given: Given = {
      folder: args.folder,
      name: flags.name,
      plugin: flags.plugin,
      install: flags.install,
      git: flags.git,
    };
    const wanted = flags.yes ? withDefaults(given) : await this.complete(given);
    using interrupt = new Interrupt();
    const { newProject } = await import("../core/index.ts");
    const made = await newProject({
      ...wanted,
      folder: resolve(wanted.folder),
      signal: interrupt.signal,
      onStep: (step) => this.logToStderr(`${step} …`),
    });
    const next = nextSteps(made);
    this.logToStderr(
      `\nMade ${made.name} in ${made.folder}. Next:\n${next.map((line) => `  ${line}`).join("\n")}`,
    );
    if (made.install === "failed") throw installFailed(made);
    return { ...made, next };
  }

  private async complete(given: Given): Promise<Complete> {
    if (this.jsonEnabled() || !canAsk()) {
      const missing = missingOf(given);
      if (missing.length > 0)
        throw missingFlags("xcore new", missing, `xcore new ${given.folder ?? "my-app"} --yes`);
      return withDefaults(given);
    }
    const ask = await openPrompts();
    const { nameFault } = await import("../core/index.ts");
    const fault = (answer: string): string | undefined => {
      const found = nameFault(answer);
      return found === undefined ? undefined : `'${answer}' ${found}`;
    };
    const folder = given.folder ?? (await ask.text({ message: "Which folder?", initial: "my-app" }));
    const suggested = nameOf(folder);
    return {
      folder,
      name: given.name ?? (await ask.text({ message: "The project's name?", initial: suggested, fault })),
      plugin:
        given.plugin ??
        (await ask.text({ message: "The first plugin's name?", initial: firstPlugin, fault })),
      install: given.install ?? (await ask.confirm("Install packages now?", true)),
      git: given.git ?? (await ask.confirm("Make a git repository?", true)),
    };
  }
}

function withDefaults(given: Given): Complete {
  if (given.folder === undefined) throw missingFlags("xcore new", ["<folder>"], "xcore new my-app --yes");
  return {
    folder: given.folder,
    name: given.name ?? nameOf(given.folder),
    plugin: given.plugin ?? firstPlugin,
    install: given.install ?? true,
    git: given.git ?? true,
  };
}

function missingOf(given: Given): string[] {
  const asked: [keyof Given, string][] = [
    ["folder", "<folder>"],
    ["name", "--name"],
    ["plugin", "--plugin"],
    ["install", "--install or --no-install"],
    ["git", "--git or --no-git"],
  ];
  return asked.filter(([key]) => given[key] === undefined).map(([, flag]) => flag);
}

/** The folder's own name as a project's name: "My App" is "my-app". */
function nameOf(folder: string): string {
  return basename(resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
}

function nextSteps(made: NewProject): string[] {
  const folder = relative(process.cwd(), made.folder);
  return [
    ...(folder === "" ? [] : [`cd ${/^[\w./-]+$/.test(folder) ? folder : `'${folder}'`}`]),
    ...(made.install === "done" ? [] : ["npm install"]),
    "npm run dev",
    `curl localhost:8082/app/${made.plugin}/`,
  ];
}

function installFailed(made: NewProject): XcoreError {
  return new XcoreError(
    "PART_MISSING",
    `the project is made, but npm install failed:\n${made.installOutput}`,
    {
      hint: `Run npm install in ${made.folder} once the cause is gone.`,
      details: { folder: made.folder },
    },
  );
}
