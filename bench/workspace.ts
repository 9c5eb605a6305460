// A project in a temporary folder, served by the built xcore.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { packageFile } from "../src/core/base/package-root.ts";
import { startSubject, type Subject } from "./subject.ts";

export interface Workspace extends AsyncDisposable {
  folder: string;
  write(path: string, text: string): Promise<void>;
}

/** Texts by path; `node_modules` are this repository's. */
export async function makeWorkspace(files: Readonly<Record<string, string>>): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), "xcore-bench-"));
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  };
  await symlink(packageFile("node_modules"), join(folder, "node_modules"));
  for (const [path, text] of Object.entries(files)) await write(path, text);
  return {
    folder,
    write,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** An integration.yaml that listens on a free port and logs no single requests. */
export function integration(more = ""): string {
  return `name: bench\nserver: { port: 0 }\nlog: { level: warn }\n${more}`;
}

/** The files of one plugin of the project. */
export function plugin(name: string, source: string, manifest = ""): Record<string, string> {
  return {
    [`plugins/${name}/plugin.yaml`]: `name: ${name}\nversion: 1.0.0\nxcore: ">=0.1.0"\nentry: index.ts\n${manifest}`,
    [`plugins/${name}/index.ts`]: `import { definePlugin } from "xcore/plugin";\n${source}\n`,
  };
}

export function serve(
  workspace: Workspace,
  options: { name?: string; watch?: boolean; port?: number } = {},
): Promise<Subject> {
  return startSubject({
    name: options.name ?? "xcore",
    cwd: workspace.folder,
    args: [
      packageFile("bin", "run.js"),
      "serve",
      ...(options.watch === true ? ["--watch"] : []),
      ...(options.port === undefined ? [] : ["--port", String(options.port)]),
    ],
  });
}
