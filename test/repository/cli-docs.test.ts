// docs/cli.md says what the commands take: the same commands, arguments and flags as the command line knows, and every exit code.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, describe, it } from "node:test";
import { createManifest, type Manifest } from "../../src/cli/manifest.ts";
import { commands } from "../../src/commands/index.ts";
import { codes } from "../../src/core/base/codes.ts";
import { packageFile } from "../../src/core/base/package-root.ts";

/** Flags that every command has. */
const everywhere = new Set(["json"]);

interface Usage {
  args: string[];
  flags: string[];
}

describe("docs/cli.md", () => {
  let page = "";
  let manifest: Manifest;
  before(async () => {
    page = await readFile(packageFile("docs/cli.md"), "utf8");
    manifest = await createManifest(commands, "0.0.0");
  });

  it("has one line for each command and none for others", () => {
    const known = Object.keys(manifest.commands).map((id) => id.replaceAll(":", " "));
    assert.deepEqual(
      rows(page)
        .map(([name]) => name)
        .toSorted(),
      known.toSorted(),
    );
  });

  it("names each command's arguments and flags, and no others", () => {
    const written = new Map(rows(page));
    for (const { id, args, flags } of Object.values(manifest.commands)) {
      const name = id.replaceAll(":", " ");
      const expected = Object.entries(flags)
        .filter(([flag]) => !everywhere.has(flag))
        .map(([flag, { type, ...rest }]) =>
          type === "boolean" && "allowNo" in rest && rest.allowNo === true ? `--no-${flag}` : `--${flag}`,
        );
      const usage = { args: Object.values(args).map(argument), flags: expected.toSorted() };
      assert.deepEqual(written.get(name), usage, `the line of 'xcore ${name}' in docs/cli.md`);
    }
  });

  it("names each exit code that an error can have", () => {
    const table = new Set([...page.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code)));
    const missing = Object.entries(codes).filter(([, { exit }]) => !table.has(exit));
    assert.deepEqual(missing, []);
  });
});

/** `<file>` must be there, `[file]` may be left out. */
function argument({ name, required }: { name: string; required?: boolean }): string {
  return required === true ? `<${name}>` : `[${name}]`;
}

/** The commands in the tables of "All of them": `| \`plugin rm <name> [--yes]\` | … |`. */
function rows(page: string): [name: string, usage: Usage][] {
  const section = /^## All of them$[^]*?(?=^## )/m.exec(page)?.[0] ?? "";
  return [...section.matchAll(/^\| `([a-z]+(?: [a-z]+)*)((?: [<[-][^`]*)?)` +\|/gm)].map(
    ([, name = "", rest = ""]) => {
      const withoutValues = rest.replace(/(--[a-z-]+) <[^>]*>/g, "$1");
      const flags = [...withoutValues.matchAll(/--[a-z-]+/g)].map(([flag]) => flag);
      const args = [...withoutValues.matchAll(/<[a-z]+>|\[[a-z]+…?\]/g)].map(([text]) =>
        text.replace("…", ""),
      );
      return [name, { args, flags: flags.toSorted() }];
    },
  );
}
