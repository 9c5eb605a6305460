// A project in a temporary folder, plugins as files, and real git repositories to install them from.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync, chmodSync, existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readConfig } from "../../../../src/core/config/read.ts";
import type { Config } from "../../../../src/core/config/config.ts";

export interface Project extends AsyncDisposable {
  readonly folder: string;
  readonly config: Config;
  /** Another temporary folder beside the project. */
  place(name: string): string;
  /** Everything below the project that an installation could change, for "as it was before". */
  snapshot(): string[];
}

export async function makeProject(yaml = "name: shop\n"): Promise<Project> {
  const root = await mkdtemp(join(tmpdir(), "xcore-installer-"));
  const folder = join(root, "project");
  write(folder, { "integration.yaml": yaml });
  const config = await readConfig({ workspace: folder, env: {} });
  return {
    folder,
    config,
    place: (name) => join(root, name),
    snapshot: () => {
      const lock = join(folder, "xcore.lock");
      const store = join(folder, ".xcore", "store");
      const staging = join(folder, ".xcore", "staging");
      return [
        existsSync(lock) ? readFileSync(lock, "utf8") : "no lock",
        ...(existsSync(store) ? readdirSync(store, { recursive: true }).map(String).sort() : []),
        ...(existsSync(staging)
          ? readdirSync(staging, { recursive: true }).map((name) => `staging/${String(name)}`)
          : []),
      ];
    },
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}

export type Files = Readonly<Record<string, string | Buffer | { content: string; mode: number }>>;

export function write(folder: string, files: Files): string {
  for (const [path, file] of Object.entries(files)) {
    const full = join(folder, path);
    mkdirSync(dirname(full), { recursive: true });
    const plain = typeof file === "string" || Buffer.isBuffer(file);
    writeFileSync(full, plain ? file : file.content);
    if (!plain) chmodSync(full, file.mode);
  }
  return folder;
}

export function pluginFiles(name: string, manifest = "", version = "1.0.0"): Record<string, string> {
  return {
    "plugin.yaml": `name: ${name}\nversion: ${version}\n${manifest}`,
    "src/index.ts": `import { definePlugin } from "xcore/plugin";
import { greeting } from "./greeting.ts";
export default definePlugin({ routes: { "GET /": () => greeting } });
`,
    "src/greeting.ts": `export const greeting: string = "hello from ${name} ${version}";\n`,
  };
}

const gitEnv = {
  PATH: process.env["PATH"],
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_AUTHOR_NAME: "A",
  GIT_AUTHOR_EMAIL: "a@example.com",
  GIT_COMMITTER_NAME: "A",
  GIT_COMMITTER_EMAIL: "a@example.com",
};

export function git(folder: string, ...args: string[]): string {
  return execFileSync("git", args, {
    cwd: folder,
    env: gitEnv,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

/** A repository with one commit on `main`. */
export function makeRepository(folder: string, files: Files, initFlags: string[] = []): string {
  mkdirSync(folder, { recursive: true });
  git(folder, "init", "-q", "-b", "main", ...initFlags);
  commit(folder, files);
  return folder;
}

export function commit(folder: string, files: Files, message = "change"): string {
  write(folder, files);
  git(folder, "add", "-A", "-f");
  git(folder, "commit", "-q", "-m", message);
  return git(folder, "rev-parse", "HEAD");
}
