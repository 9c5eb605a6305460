// Starts one sandbox host: a child process without environment, rights or files, held by a socket pair.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { Socket } from "node:net";
import { basename } from "node:path";
import { XcoreError } from "../base/error.ts";
import { hostFiles, hostProgram } from "./paths.ts";
import { ProcessMeter } from "./process-meter.ts";
import { ProgressSlot } from "./progress-slot.ts";

const stderrKept = 8 * 1024;

export interface HostExit {
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what it wrote to stderr. */
  stderr: string;
}

export class HostProcess {
  readonly pid: number;
  readonly socket: Socket;
  readonly meter: ProcessMeter;
  readonly progress: ProgressSlot;
  /** Resolves when the process is gone. */
  readonly exited: Promise<HostExit>;
  readonly #child: ChildProcess;

  constructor() {
    if (!existsSync(hostProgram)) {
      throw new XcoreError("PART_MISSING", `the program of the sandbox host is missing: ${hostProgram}`, {
        hint: "Run npm run build; in an installed package, install xcore again.",
      });
    }
    this.progress = new ProgressSlot();
    const files = hostFiles();
    const [program = process.execPath, ...args] = [
      ...leash(),
      process.execPath,
      ...hostFlags(files.readable),
      files.program,
      files.isolatedVm,
    ];
    this.#child = spawn(program, args, {
      cwd: "/",
      env: {},
      stdio: ["ignore", "ignore", "pipe", "pipe", this.progress.descriptor ?? "ignore"],
      windowsHide: true,
    });
    this.exited = watchExit(this.#child);
    const socket = this.#child.stdio[3];
    if (this.#child.pid === undefined || !(socket instanceof Socket)) {
      this.progress.close();
      throw new XcoreError("PART_MISSING", `a sandbox host can't be started with ${process.execPath}`, {
        hint: "Check that this program may be executed and that the process limit is not reached.",
      });
    }
    this.pid = this.#child.pid;
    this.socket = socket;
    this.meter = new ProcessMeter(this.pid);
    // A spare or a resting host must not keep the core's process alive.
    this.#child.unref();
    socket.unref();
    if (this.#child.stderr instanceof Socket) this.#child.stderr.unref();
  }

  kill(): void {
    // Whoever waits for its end must not find the event loop empty before.
    this.#child.ref();
    this.#child.kill("SIGKILL");
  }

  /** Closes what was opened to watch it; the process itself is gone by then. */
  release(): void {
    this.progress.close();
    this.meter.close();
  }
}

/** What Node is started with, given the files it may read. */
export function hostFlags(readable: readonly string[]): string[] {
  return [
    "--permission",
    "--allow-addons",
    ...readable.map((path) => `--allow-fs-read=${path}`),
    "--no-node-snapshot",
    "--no-turboshaft-loop-unrolling",
    // For wire/crossing.ts; the guest runtime takes it away before plugin code runs.
    "--expose-gc",
    "--no-warnings",
  ];
}

// A host that is stuck does not see its line close. Where util-linux is there, the kernel ends it together with the core,
// and no program it might start could gain rights.
function leash(): string[] {
  const setpriv = "/usr/bin/setpriv";
  if (process.platform !== "linux" || !existsSync(setpriv)) return [];
  // busybox has a program of this name that knows none of these options.
  if (basename(realpathSync(setpriv)) !== "setpriv") return [];
  return [setpriv, "--pdeathsig", "KILL", "--no-new-privs", "--"];
}

function watchExit(child: ChildProcess): Promise<HostExit> {
  const { promise, resolve } = Promise.withResolvers<HostExit>();
  let stderr = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    stderr = (stderr + chunk.toString("utf8")).slice(-stderrKept);
  });
  child.on("error", (error) => {
    stderr += error.message;
    resolve({ code: null, signal: null, stderr });
  });
  // Its last words may arrive after the exit itself, but are not waited for long.
  child.on("exit", (code, signal) => {
    const finish = (): void => resolve({ code, signal, stderr });
    child.on("close", finish);
    setTimeout(finish, 50);
  });
  return promise;
}
