// A program under measurement: started, found by the address it prints, ended with all that is below it.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface Subject extends AsyncDisposable {
  name: string;
  /** Ends without a slash. */
  address: string;
  pid: number;
  /** From its start to the address. */
  startMs: number;
}

export interface SubjectOptions {
  name: string;
  cwd: string;
  args: readonly string[];
  /** Default: this Node. */
  program?: string;
  env?: NodeJS.ProcessEnv;
  /** Finds the address in a line of its output. Default: the first `http://…`. */
  address?(line: string): string | undefined;
}

const patienceMs = 60_000;

/** Starts a program that prints an address on stdout or stderr once it listens. */
export async function startSubject(options: SubjectOptions): Promise<Subject> {
  const began = performance.now();
  const child = spawn(options.program ?? process.execPath, options.args, {
    cwd: options.cwd,
    env: { ...process.env, NODE_ENV: "production", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = async (): Promise<void> => {
    child.kill("SIGTERM");
    const hard = setTimeout(() => child.kill("SIGKILL"), 10_000);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    clearTimeout(hard);
  };
  try {
    const address = await addressOf(child, options);
    const startMs = performance.now() - began;
    return { name: options.name, address, pid: child.pid ?? 0, startMs, [Symbol.asyncDispose]: end };
  } catch (error) {
    if (child.pid !== undefined) await end();
    throw error;
  }
}

function addressOf(child: ChildProcess, { name, address = httpAddress }: SubjectOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on("line", (line) => {
      if (said.length < 50) said.push(line);
      const found = address(line);
      if (found !== undefined) resolve(found);
    });
  }
  const late = setTimeout(
    () => reject(new Error(`${name} gave no address:\n${said.join("\n")}`)),
    patienceMs,
  );
  child.once("error", reject);
  child.once("exit", (code) => reject(new Error(`${name} ended with ${code}:\n${said.join("\n")}`)));
  return promise.finally(() => clearTimeout(late));
}

function httpAddress(line: string): string | undefined {
  return /http:\/\/[\w.:[\]]+/.exec(line)?.[0];
}
