// What `new` and `plugin new` copy: the files under templates/, with the names put in.
import { readdir, readFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { packageFile } from "../base/package-root.ts";

export type Files = Map<string, string | Uint8Array>;

export interface Names {
  /** In place of `my-app`. */
  app?: string;
  /** In place of `my-plugin`. */
  plugin: string;
}

// npm never packs a .gitignore or an .npmrc, and a package.json or tsconfig.json would make the templates projects of their own.
const renamed: Readonly<Record<string, string>> = {
  _gitignore: ".gitignore",
  _npmrc: ".npmrc",
  "_package.json": "package.json",
  "_tsconfig.json": "tsconfig.json",
};

/** Files by which this repository type-checks the templates; they mean nothing elsewhere. */
const ours = new Set(["tsconfig.json", "plugin-env.d.ts"]);

/** The files of a template by their path in the project, with `/` between folders. */
export async function readTemplate(name: "app" | "plugin", names: Names): Promise<Files> {
  const root = packageFile("templates", name);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files: Files = new Map();
  for (const entry of entries) {
    if (!entry.isFile() || ours.has(entry.name)) continue;
    const folder = relative(root, entry.parentPath).split(sep).join("/");
    const path = join(folder, renamed[entry.name] ?? entry.name);
    files.set(
      withNames(path, names),
      withNames(await readFile(join(entry.parentPath, entry.name), "utf8"), names),
    );
  }
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function withNames(text: string, names: Names): string {
  const named = text.replaceAll("my-plugin", names.plugin);
  return names.app === undefined ? named : named.replaceAll("my-app", names.app);
}

export async function writeFiles(folder: string, files: Files): Promise<void> {
  for (const [path, content] of files) {
    const full = join(folder, path);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, content);
  }
}
