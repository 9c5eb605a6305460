// A project in a temporary folder, and a real core over it.
import { writeFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { readConfig } from "../../src/core/config/read.ts";
import { openCore, type Core } from "../../src/core/core.ts";
import type { Logger } from "../../src/core/base/log.ts";
import { packageRoot } from "../../src/core/base/package-root.ts";
import { giveDatabase } from "./database-template.ts";

export interface TestWorkspace extends AsyncDisposable {
  readonly folder: string;
  write(path: string, text: string): Promise<void>;
  /** Copies a sample plugin of the repository. */
  copyPlugin(name: string): Promise<void>;
  remove(path: string): Promise<void>;
}

/** What integration.yaml says unless a test says it. A machine that stands still for a second is not taken for a plugin that spins. */
export const testIntegration = `name: test
server: { port: 0, drain: 2s }
admin: { token: test-token-test-token-test-token }
policy: { defaults: { cpu: 3s }, ceilings: { cpu: 3s } }
`;

/** `files`: path to text. node_modules is the repository's, so that plugins find their packages. */
export async function testWorkspace(files: Record<string, string> = {}): Promise<TestWorkspace> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "xcore-test-")));
  await symlink(join(packageRoot, "node_modules"), join(folder, "node_modules"));
  const write = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    // At once, so that a watcher in this process does not see it empty.
    writeFileSync(join(folder, path), text);
  };
  await write("integration.yaml", testIntegration);
  for (const [path, text] of Object.entries(files)) await write(path, text);
  return {
    folder,
    write,
    copyPlugin: (name) =>
      cp(join(packageRoot, "plugins", name), join(folder, "plugins", name), { recursive: true }),
    remove: (path) => rm(join(folder, path), { recursive: true, force: true }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  };
}

export interface LogLine {
  level: string;
  message: string;
  fields: Record<string, unknown>;
}

/** A logger that keeps its lines. */
export function keptLog(
  lines: LogLine[] = [],
  bound: Record<string, unknown> = {},
): Logger & { lines: LogLine[] } {
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, message, fields: { ...bound, ...fields } });
  };
  return {
    lines,
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => keptLog(lines, { ...bound, ...fields }),
  };
}

export interface TestCore extends AsyncDisposable {
  readonly core: Core;
  readonly log: LogLine[];
  readonly workspace: TestWorkspace;
  get(path: string, init?: RequestInit): Promise<Response>;
  /** A request to the admin API with the right token. */
  admin(path: string, init?: RequestInit): Promise<Response>;
}

/** `early`: plugins that take longer than the server waits for may still be loading. */
export async function openTestCore(
  workspace: TestWorkspace,
  options: { watch?: boolean; early?: boolean } = {},
): Promise<TestCore> {
  const logger = keptLog();
  const config = await readConfig({ workspace: workspace.folder, env: {} });
  if (config.services["database"]?.driver === "embedded") await giveDatabase(config.stateFolder);
  const core = await openCore({ config, logger, watch: options.watch ?? false });
  // A server is open when its plugins are up, or after three seconds; what takes longer goes on loading.
  if (options.early !== true)
    await until(
      async () => (await core.status()).plugins.map(({ state }) => state),
      (states) => !states.includes("installed") && !states.includes("loading"),
    );
  const request = (path: string, init?: RequestInit): Promise<Response> =>
    fetch(`${core.address}${path}`, init).catch((error: unknown) => {
      if (!wasIdle(error)) throw error;
      return fetch(`${core.address}${path}`, init);
    });
  return {
    core,
    log: logger.lines,
    workspace,
    get: request,
    admin: (path, init) =>
      request(`/_xcore${path}`, {
        ...init,
        headers: { authorization: "Bearer test-token-test-token-test-token" },
      }),
    [Symbol.asyncDispose]: () => core.close({ drain: false }),
  };
}

/** Whether the request went out on a kept connection that the server was just closing: where a process stands still, both meet. */
function wasIdle(error: unknown): boolean {
  const { message, socket } = ((error as Error).cause ?? {}) as {
    message?: string;
    socket?: { bytesRead: number };
  };
  return message === "other side closed" && (socket?.bytesRead ?? 0) > 0;
}

/** Asks until the answer satisfies. Rejects after a minute: what is merely slow on a busy machine is there by then. */
export async function until<T>(ask: () => Promise<T> | T, satisfied: (value: T) => boolean): Promise<T> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const value = await ask();
    if (satisfied(value)) return value;
    if (performance.now() > deadline)
      throw new Error(`never came about; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A plugin of one file, as the files of a workspace. */
export function pluginFiles(name: string, code: string, manifest = ""): Record<string, string> {
  return {
    [`plugins/${name}/plugin.yaml`]: `name: ${name}\nversion: 1.0.0\nxcore: ">=0.1.0"\nentry: index.ts\n${manifest}`,
    [`plugins/${name}/index.ts`]: `import { definePlugin } from "xcore/plugin";\n${code}`,
  };
}
