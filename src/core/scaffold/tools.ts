// npm and git, run as children that end with the wish to stop.
import { spawn } from "node:child_process";
import { messageOf, systemCode } from "../base/error.ts";

export interface ToolResult {
  ok: boolean;
  /** The last lines of what it said, when it failed. */
  output: string;
}

const longestOutput = 4000;

/** Never rejects but when the signal is aborted. `onOutput` is given what the tool says as it says it. */
export async function runTool(
  command: string,
  args: readonly string[],
  options: { cwd: string; signal: AbortSignal; onOutput?: (text: string) => void },
): Promise<ToolResult> {
  const { promise, resolve } = Promise.withResolvers<ToolResult>();
  const child = spawn(command, args, {
    cwd: options.cwd,
    signal: options.signal,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_UPDATE_NOTIFIER: "1" },
  });
  let output = "";
  const take = (chunk: Buffer): void => {
    const text = chunk.toString("utf8");
    output = (output + text).slice(-longestOutput);
    options.onOutput?.(text);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  child.on("error", (error) => {
    const why = systemCode(error) === "ENOENT" ? `${command} is not installed` : messageOf(error);
    resolve({ ok: false, output: why });
  });
  child.on("close", (code) => resolve({ ok: code === 0, output: output.trim() }));
  const result = await promise;
  options.signal.throwIfAborted();
  return result;
}

/** Installs the project's dependencies; what is in npm's cache is not asked for again. */
export function npmInstall(
  cwd: string,
  signal: AbortSignal,
  onOutput?: (text: string) => void,
): Promise<ToolResult> {
  const args = ["install", "--no-fund", "--no-audit", "--prefer-offline", "--loglevel=error"];
  return runTool("npm", args, { cwd, signal, ...(onOutput === undefined ? {} : { onOutput }) });
}

/** Makes the folder a git repository, unless it lies in one already. */
export async function gitInit(cwd: string, signal: AbortSignal): Promise<"made" | "already" | "failed"> {
  const inside = await runTool("git", ["rev-parse", "--is-inside-work-tree"], { cwd, signal });
  if (inside.ok) return "already";
  const made = await runTool("git", ["init", "--quiet", "--initial-branch=main"], { cwd, signal });
  return made.ok ? "made" : "failed";
}
