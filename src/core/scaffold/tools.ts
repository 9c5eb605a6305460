// npm and git, run as children that end with the wish to stop.
import { spawn } from "node:child_process";
import { messageOf, systemCode } from "../base/error.ts";

export interface ToolResult {
  ok: boolean;
  /** The last lines of what it said, when it failed. */
  output: string;
}

const longestOutput = 4000;

const killAfterMs = 2000;

/** Rejects only with the signal's reason, and then only when the tool and all it started have ended. */
export async function runTool(
  command: string,
  args: readonly string[],
  { cwd, signal }: { cwd: string; signal: AbortSignal },
): Promise<ToolResult> {
  signal.throwIfAborted();
  const { promise, resolve } = Promise.withResolvers<ToolResult>();
  // A group of its own: what the tool starts ends with it, and nothing writes into a folder that is being removed.
  const child = spawn(command, args, {
    cwd,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: toolEnvironment(),
  });
  const end = (how: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, how);
    } catch {
      // It has ended already.
    }
  };
  let kill: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    end("SIGTERM");
    kill = setTimeout(() => end("SIGKILL"), killAfterMs);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  let output = "";
  const take = (chunk: Buffer): void => {
    output = (output + chunk.toString("utf8")).slice(-longestOutput);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  child.on("error", (error) => {
    output = systemCode(error) === "ENOENT" ? `${command} is not installed` : messageOf(error);
  });
  child.on("close", (code) => resolve({ ok: code === 0, output: output.trim() }));
  const result = await promise;
  clearTimeout(kill);
  signal.removeEventListener("abort", onAbort);
  signal.throwIfAborted();
  return result;
}

// Settings of the npx that runs us are not meant for the npm we run.
function toolEnvironment(): NodeJS.ProcessEnv {
  const notOurs = new Set(["npm_config_package", "npm_config_call", "npm_config_local_prefix"]);
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !notOurs.has(name)));
}

/** Installs the project's dependencies; what is in npm's cache is not asked for again. */
export function npmInstall(cwd: string, signal: AbortSignal): Promise<ToolResult> {
  const args = [
    "install",
    "--no-fund",
    "--no-audit",
    "--prefer-offline",
    "--no-update-notifier",
    "--loglevel=error",
  ];
  return runTool("npm", args, { cwd, signal });
}

/** Makes the folder a git repository, unless it lies in one already. */
export async function gitInit(cwd: string, signal: AbortSignal): Promise<"made" | "already" | "failed"> {
  const inside = await runTool("git", ["rev-parse", "--is-inside-work-tree"], { cwd, signal });
  if (inside.ok) return "already";
  const made = await runTool("git", ["init", "--quiet", "--initial-branch=main"], { cwd, signal });
  return made.ok ? "made" : "failed";
}
